// A recording of any length, made as it is sent, and its upload.
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BenchError } from '../bench-error.js';
import type { LoadedRecording } from '../audio/playlist.js';
import type { BenchServer } from '../server/bench-server.js';

const SAMPLE_RATE = 16_000;

/** Makes a recording of so many seconds: 16-bit WAV as it is read, of any length in no memory. */
export type MakeWav = (seconds: number) => AsyncGenerator<Uint8Array>;

/** Recordings one after the other, with a pause between two of them, again and again. */
export function wavMaker(recordings: readonly LoadedRecording[], gapMs = 500): MakeWav {
  // Once for all uploads: fifty at a time would keep this process too busy to send them.
  const parts = recordings.flatMap(({ samples }) => [
    new Uint8Array(Int16Array.from(samples, (value) => value * 32_767).buffer),
    new Uint8Array(2 * Math.round((SAMPLE_RATE * gapMs) / 1_000)),
  ]);
  return async function* (seconds) {
    yield header();
    let left = seconds * SAMPLE_RATE * 2;
    for (let at = 0; left > 0; at++) {
      const part = parts[at % parts.length]?.subarray(0, left) ?? new Uint8Array(0);
      left -= part.length;
      yield part;
    }
  };
}

/** Of a WAV file whose length is not told: 16-bit, mono. */
function header(): Buffer {
  const bytes = Buffer.alloc(44);
  bytes.write('RIFF\xff\xff\xff\xffWAVEfmt ', 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(SAMPLE_RATE, 24);
  bytes.writeUInt32LE(SAMPLE_RATE * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data\xff\xff\xff\xff', 36, 'latin1');
  return bytes;
}

/**
 * Resolves with the answer's time, milliseconds. By node:http: fetch waits five minutes for an answer and no longer.
 */
export async function upload(server: BenchServer, body: AsyncGenerator<Uint8Array>): Promise<number> {
  const startedAt = performance.now();
  const sending = request(`${server.httpUrl}/transcribe_only`, { method: 'POST' });
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
  const [[response]] = await Promise.all([answered, pipeline(Readable.from(body), sending)]);
  let text = '';
  for await (const piece of response) text += String(piece);
  if (response.statusCode !== 200) {
    throw new BenchError('server_failed', `An upload was answered with ${response.statusCode}: ${text.slice(0, 200)}`);
  }
  return performance.now() - startedAt;
}
