// `bench files`: whole recordings over HTTP: speed, against the socket, memory over hours, many at once.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { dealPlaylists, type LoadedRecording } from '../audio/playlist.js';
import { describeProvenance } from '../measure/machine.js';
import { MemoryWatch } from '../measure/memory-watch.js';
import { distribution } from '../measure/statistics.js';
import { atLeast, atMost, distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { openServer, type BenchServer } from '../server/bench-server.js';
import { playStream } from '../stream/play-stream.js';
import { segmentLatencies } from '../stream/stream-metrics.js';
import { wholeNumber } from './option-values.js';

interface FilesOptions {
  readonly recordings: string;
  readonly language: string;
  readonly seconds: number;
  readonly longMinutes: number;
  readonly uploads: number;
  readonly out?: string;
}

const SAMPLE_RATE = 16_000;
/** People who speak while files come in, and what they say. */
const LIVE_CONNECTIONS = 2;
const LIVE_RECORDINGS = 16;
const MEBIBYTE = 1_048_576;
const SOTTO = fileURLToPath(new URL('../../../server/bin/sotto.mjs', import.meta.url));

export function registerFilesCommand(program: Command): void {
  program
    .command('files')
    .description(
      'whole recordings: speed of an upload and of the same through the socket, memory, many at once beside live streams',
    )
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--language <code>', 'of the recordings', 'en')
    .option('--seconds <s>', 'length of the file that is timed', wholeNumber(10, 36_000), 600)
    .option('--long-minutes <m>', 'length of the file whose memory is watched; 0: none', wholeNumber(0, 1_440), 180)
    .option('--uploads <count>', 'uploads of 10 s at once; 0: none', wholeNumber(0, 1_000), 50)
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runFiles);
}

async function runFiles(options: FilesOptions): Promise<void> {
  const provenance = describeProvenance();
  const recordings = await loadAudio(await readRecordings(options.recordings, [options.language]));
  // Each answer is worked for: what was heard before would come from the cache.
  await using server = await openServer(undefined, ['--store', 'none']);
  await upload(server, wavOf(recordings, 10));
  const idle = await server.usage();
  const metrics: Metric[] = [
    ...(await speed(server, recordings, options.seconds)),
    ...(await manyAtOnce(server, recordings, options.uploads)),
    ...(await memory(server, recordings, options.longMinutes, idle?.pssBytes)),
  ];
  await publish(
    {
      schema: 1,
      bench: 'files',
      provenance,
      settings: {
        seconds: options.seconds,
        longMinutes: options.longMinutes,
        uploads: options.uploads,
        recordings: recordings.length,
      },
      metrics,
      remarks: ['The socket is fed by `sotto transcribe --fast`, whose start is counted; the upload by fetch.'],
    },
    options.out,
  );
}

async function speed(server: BenchServer, recordings: readonly LoadedRecording[], seconds: number): Promise<Metric[]> {
  const uploadMs = await timed(() => upload(server, wavOf(recordings, seconds)));
  const folder = await mkdtemp(join(tmpdir(), 'bench-files-'));
  try {
    const path = join(folder, 'talk.wav');
    await pipeline(Readable.from(wavOf(recordings, seconds)), createWriteStream(path));
    const socketMs = await timed(() =>
      promisify(execFile)(process.execPath, [SOTTO, 'transcribe', '--fast', '--server', server.streamUrl, path], {
        maxBuffer: 64 * MEBIBYTE,
      }),
    );
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

/** Uploads at once, again and again while people speak; and how long the same speakers wait for their finals without uploads. */
async function manyAtOnce(
  server: BenchServer,
  recordings: readonly LoadedRecording[],
  count: number,
): Promise<Metric[]> {
  if (count === 0) return [];
  const alone = await finalLatencies(server, recordings);
  const latencies: number[] = [];
  let lost = 0;
  const uploadOnce = async (): Promise<void> => {
    try {
      latencies.push(await timed(() => upload(server, wavOf(recordings, 10))));
    } catch {
      lost += 1;
    }
  };
  const speaking = finalLatencies(server, recordings);
  const isOver = speaking.then(() => true);
  do await Promise.all(Array.from({ length: count }, uploadOnce));
  while (!(await Promise.race([isOver, false])));
  const beside = await speaking;
  return [
    scalarMetric('uploadsLost', 'of all', lost, { target: atMost('value', 0) }),
    distributionMetric('uploadAnswer', 'ms', distribution(latencies), {
      note: `${count} uploads of 10 s at once, again and again beside ${LIVE_CONNECTIONS} live streams`,
    }),
    distributionMetric('finalLatencyAlone', 'ms', distribution(alone), {
      note: `${LIVE_CONNECTIONS} live streams, nothing beside them`,
    }),
    distributionMetric('finalLatencyBesideUploads', 'ms', distribution(beside), {
      note: 'the same beside the uploads',
    }),
    scalarMetric('finalLatencyRatio', 'x', distribution(beside).p95 / distribution(alone).p95, {
      target: atMost('value', 1.5),
      note: 'p95 beside the uploads / p95 alone',
    }),
  ];
}

/** End of speech to final, milliseconds, of people who speak at the same time. */
async function finalLatencies(server: BenchServer, recordings: readonly LoadedRecording[]): Promise<number[]> {
  const spoken = recordings.filter(({ text }) => text !== '').slice(0, LIVE_RECORDINGS);
  const deal = { connections: LIVE_CONNECTIONS, rounds: 1, gapMs: 1_500, seed: 1 };
  const play = { url: server.streamUrl, language: 'en', pace: 1, chunkMs: 40 };
  const streams = await Promise.all(dealPlaylists(spoken, deal).map((playlist) => playStream(playlist, play)));
  return streams.flatMap(({ trace, playlist }) =>
    trace.segments.flatMap((segment) => segmentLatencies(segment, playlist, play.pace).final.map(({ ms }) => ms)),
  );
}

async function memory(
  server: BenchServer,
  recordings: readonly LoadedRecording[],
  minutes: number,
  idleBytes: number | undefined,
): Promise<Metric[]> {
  if (minutes === 0 || idleBytes === undefined) return [];
  const watch = new MemoryWatch(() => server.usage());
  const tookMs = await timed(() => upload(server, wavOf(recordings, minutes * 60)));
  const peak = Math.max(...watch.stop().map(({ pssBytes }) => pssBytes));
  return [
    scalarMetric('memoryOverIdle', 'MiB', (peak - idleBytes) / MEBIBYTE, {
      target: atMost('value', 400),
      note: `peak during a file of ${minutes} min, server and engine, less the server that has answered one file`,
    }),
    scalarMetric('longFileSpeed', 'x real time', (minutes * 60_000) / tookMs, { better: 'higher' }),
  ];
}

/** Recordings one after the other, half a second apart, again and again: 16-bit WAV as it is read, of any length in no memory. */
async function* wavOf(recordings: readonly LoadedRecording[], seconds: number): AsyncGenerator<Uint8Array> {
  const header = Buffer.alloc(44);
  header.write('RIFF\xff\xff\xff\xffWAVEfmt ', 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data\xff\xff\xff\xff', 36, 'latin1');
  yield header;
  let left = seconds * SAMPLE_RATE;
  for (let at = 0; left > 0; at++) {
    const samples = recordings[at % recordings.length]?.samples ?? new Float32Array(0);
    for (const part of [samples, new Float32Array(SAMPLE_RATE / 2)]) {
      const taken = part.subarray(0, left);
      left -= taken.length;
      if (taken.length > 0) yield new Uint8Array(Int16Array.from(taken, (value) => value * 32_767).buffer);
    }
  }
}

/** By node:http: fetch waits five minutes for an answer and no longer. */
async function upload(server: BenchServer, body: AsyncGenerator<Uint8Array>): Promise<void> {
  const sending = request(`${server.httpUrl}/transcribe_only`, { method: 'POST' });
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
  const [[response]] = await Promise.all([answered, pipeline(Readable.from(body), sending)]);
  let text = '';
  for await (const piece of response) text += String(piece);
  if (response.statusCode !== 200) throw new Error(`upload: ${response.statusCode} ${text.slice(0, 200)}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}
