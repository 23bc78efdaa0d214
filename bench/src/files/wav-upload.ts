// A recording of any length, made as it is sent, and its upload.
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { LoadedRecording } from '../audio/playlist.js';
import type { BenchServer } from '../server/bench-server.js';

const SAMPLE_RATE = 16_000;

/** Recordings one after the other, half a second apart, again and again: 16-bit WAV as it is read, of any length in no memory. */
export async function* wavOf(recordings: readonly LoadedRecording[], seconds: number): AsyncGenerator<Uint8Array> {
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

/** Resolves with the answer's time, milliseconds. By node:http: fetch waits five minutes for an answer and no longer. */
export async function upload(server: BenchServer, body: AsyncGenerator<Uint8Array>): Promise<number> {
  const startedAt = performance.now();
  const sending = request(`${server.httpUrl}/transcribe_only`, { method: 'POST' });
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
  const [[response]] = await Promise.all([answered, pipeline(Readable.from(body), sending)]);
  let text = '';
  for await (const piece of response) text += String(piece);
  if (response.statusCode !== 200) throw new Error(`upload: ${response.statusCode} ${text.slice(0, 200)}`);
  return performance.now() - startedAt;
}
