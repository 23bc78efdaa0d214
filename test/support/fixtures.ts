// The committed clips: synthesised speech and other sounds, made by test/fixtures/make_audio.py.
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { decodeAudioFile } from '@sotto/server';
import { readClips, type Clip } from './clips.js';

export const fixturesFolder = fileURLToPath(new URL('../fixtures', import.meta.url));
/** A Whisper with random weights: small, and with every rule of a large one. */
export const tinyWhisperFolder = join(fixturesFolder, 'tiny-whisper');

/** All committed clips, in the manifest's order. */
export const fixtureClips: readonly Clip[] = readClips(fixturesFolder);

/** The path of a clip by its id, for example `en-bakery`. */
export function fixture(id: string): string {
  return fixtureClip(id).path;
}

/** The clip of that id. */
export function fixtureClip(id: string): Clip {
  const clip = fixtureClips.find((candidate) => candidate.id === id);
  if (!clip) throw new Error(`no committed clip "${id}"`);
  return clip;
}

/** 16 kHz mono samples of a committed clip. */
export async function fixtureSamples(id: string): Promise<Float32Array> {
  const { samples } = await decodeAudioFile(fixtureClip(id).path);
  return samples;
}
