// What peers are given: recordings alone, and long files joined of them, as WAV in a folder.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoadedRecording } from '../audio/playlist.js';
import type { PeerClip } from './run-peer.js';

const SAMPLE_RATE = 16_000;
/** Silence between joined recordings, seconds. */
const GAP_SECONDS = 0.7;

export interface GivenClip extends PeerClip {
  readonly set: 'alone' | 'joined';
  readonly text: string;
  readonly seconds: number;
}

/** `alone`: so many recordings of each language, spread over them, by themselves. `joined`: a file of each language. */
export async function writePeerClips(
  recordings: readonly LoadedRecording[],
  folder: string,
  { alone, joinedSeconds }: { readonly alone: number; readonly joinedSeconds: number },
): Promise<GivenClip[]> {
  const spoken = recordings.filter(({ text }) => text !== '');
  const clips: GivenClip[] = [];
  const put = async (set: GivenClip['set'], id: string, language: string, parts: readonly LoadedRecording[]) => {
    const gap = new Float32Array(GAP_SECONDS * SAMPLE_RATE);
    const samples = parts.flatMap((part, i) => (i === 0 ? [part.samples] : [gap, part.samples]));
    const bytes = wav(samples);
    const path = join(folder, `${set}-${clips.length}.wav`);
    await writeFile(path, bytes);
    const seconds = (bytes.length - HEADER_BYTES) / 2 / SAMPLE_RATE;
    clips.push({ set, id: `${set} ${id}`, language, path, text: parts.map(({ text }) => text).join(' '), seconds });
  };
  for (const language of new Set(spoken.map((recording) => recording.language))) {
    const mine = spoken.filter((recording) => recording.language === language);
    const step = Math.max(1, mine.length / Math.max(1, alone));
    for (let i = 0; i < mine.length && i / step < alone; i += step) {
      const one = mine[Math.floor(i)];
      if (one) await put('alone', one.id, language, [one]);
    }
    const parts: LoadedRecording[] = [];
    let left = joinedSeconds * SAMPLE_RATE;
    for (const one of mine) {
      if (one.samples.length > left) continue;
      parts.push(one);
      left -= one.samples.length;
    }
    if (parts.length > 1) await put('joined', language, language, parts);
  }
  return clips;
}

const HEADER_BYTES = 44;

/** Samples of -1 to 1 at 16 kHz, in parts, as a WAV file of 16 bit. */
export function wav(parts: readonly Float32Array[]): Buffer {
  const count = parts.reduce((sum, { length }) => sum + length, 0);
  const words = new Int16Array(count);
  let at = 0;
  for (const part of parts) {
    for (const value of part) words[at++] = Math.round(32_767 * Math.max(-1, Math.min(1, value)));
  }
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('RIFF    WAVEfmt ', 'latin1');
  header.writeUInt32LE(36 + 2 * count, 4);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(2 * SAMPLE_RATE, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(2 * count, 40);
  return Buffer.concat([header, Buffer.from(words.buffer)]);
}
