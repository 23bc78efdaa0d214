// Test audio in the form in which a client sends it.
import type { ClientMessage } from '@sotto/protocol';

export const SAMPLE_RATE = 16_000;

/** `start` for what the functions below give. */
export const START = { type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: SAMPLE_RATE, channels: 1 } } as const;

export function silence(ms: number): Float32Array {
  return new Float32Array((ms * SAMPLE_RATE) / 1_000);
}

export function joined(...parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** `audio` messages of 100 ms from `offset` on. */
export function audioMessages(samples: Float32Array, offset = 0): Extract<ClientMessage, { type: 'audio' }>[] {
  const chunk = SAMPLE_RATE / 10;
  return Array.from({ length: Math.ceil(samples.length / chunk) }, (_, i) => ({
    type: 'audio',
    offset: offset + i * chunk,
    data: pcm16(samples.subarray(i * chunk, (i + 1) * chunk)),
  }));
}

/** Signed 16-bit little-endian samples. */
export function pcm16(samples: Float32Array): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(samples.length * 2));
  for (const [i, sample] of samples.entries()) {
    bytes.setInt16(i * 2, Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), true);
  }
  return new Uint8Array(bytes.buffer);
}

/** Signed 16-bit samples. */
export function int16(samples: Float32Array): Int16Array {
  return new Int16Array(pcm16(samples).buffer);
}
