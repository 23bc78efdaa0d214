// How fast a file is transcribed, uploaded and fed through the socket.
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { atLeast, scalarMetric, type Metric } from '../report/metric.js';
import type { BenchServer } from '../server/bench-server.js';
import { upload, type MakeWav } from './wav-upload.js';

const MEBIBYTE = 1_048_576;
const SOTTO = fileURLToPath(new URL('../../../server/bin/sotto.mjs', import.meta.url));

/** The socket is fed by `sotto transcribe --fast`, whose start is counted. */
export async function uploadSpeed(server: BenchServer, wav: MakeWav, seconds: number): Promise<Metric[]> {
  const uploadMs = await upload(server, wav(seconds));
  const folder = await mkdtemp(join(tmpdir(), 'bench-files-'));
  try {
    const path = join(folder, 'talk.wav');
    await pipeline(Readable.from(wav(seconds)), createWriteStream(path));
    const startedAt = performance.now();
    await promisify(execFile)(process.execPath, [SOTTO, 'transcribe', '--fast', '--server', server.streamUrl, path], {
      maxBuffer: 64 * MEBIBYTE,
    });
    const socketMs = performance.now() - startedAt;
    return [
      scalarMetric('uploadSpeed', 'x real time', (seconds * 1_000) / uploadMs, {
        better: 'higher',
        target: atLeast('value', 8),
      }),
      scalarMetric('socketSpeed', 'x real time', (seconds * 1_000) / socketMs, { better: 'higher' }),
      scalarMetric('uploadOverSocket', 'times as fast', socketMs / uploadMs, {
        better: 'higher',
        target: atLeast('value', 1),
      }),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
