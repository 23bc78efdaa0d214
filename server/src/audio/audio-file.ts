// Audio files on disk or in memory as 16 kHz mono samples: whole, or block by block.
import { openFailure, type AudioFileWarning } from './audio-errors.js';
import { decodeAudio } from './decode-audio.js';
import { SAMPLE_RATE, SAMPLES_PER_MS } from './samples.js';
import { openStoredFile, storedInMemory, type StoredBytes } from './stored-bytes.js';

/** A whole file in memory. */
export interface AudioFile {
  /** Mono, -1..1. */
  readonly samples: Float32Array;
  readonly sampleRate: typeof SAMPLE_RATE;
  readonly durationMs: number;
  /** What was wrong with the file although it could be read. */
  readonly warnings: readonly AudioFileWarning[];
}

/**
 * Decodes a whole file: a path, or the file's bytes.
 * @throws AudioFileError with the code `unreadable`, `empty`, `not_audio`, `unsupported` or `no_samples`.
 */
export async function decodeAudioFile(file: string | Uint8Array): Promise<AudioFile> {
  const warnings: AudioFileWarning[] = [];
  const blocks: Float32Array[] = [];
  for await (const block of openAudioFile(file, (warning) => warnings.push(warning))) blocks.push(block);
  const samples = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    samples.set(block, at);
    at += block.length;
  }
  return { samples, sampleRate: SAMPLE_RATE, durationMs: samples.length / SAMPLES_PER_MS, warnings };
}

/**
 * Decodes a file block by block, whatever its length, in this thread. Warnings may come until the last block. Iterating
 * throws as {@link decodeAudioFile} does.
 */
export async function* openAudioFile(
  file: string | Uint8Array,
  onWarning: (warning: AudioFileWarning) => void = () => {},
): AsyncGenerator<Float32Array, void, undefined> {
  const bytes = await openFile(file);
  try {
    yield* decodeAudio(bytes, { onWarning, isolation: 'inline' });
  } finally {
    await bytes.close();
  }
}

async function openFile(file: string | Uint8Array): Promise<StoredBytes> {
  if (typeof file !== 'string') return storedInMemory(file);
  try {
    return await openStoredFile(file);
  } catch (cause) {
    throw openFailure(file, cause);
  }
}
