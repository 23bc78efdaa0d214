// Audio files (WAV, FLAC) as 16 kHz mono samples: whole, or block by block.
import { setImmediate } from 'node:timers/promises';
import { AudioFileError, type AudioFileWarning } from './audio-errors.js';
import { openBytes, type ByteSource } from './byte-source.js';
import { openFlac } from './flac.js';
import { Resampler, SAMPLE_RATE } from './resampler.js';
import { openWav, type DecodedFile } from './wav.js';

/** Decoding lets other work of the process run at least this often, samples. */
const YIELD_SAMPLES = 65_536;

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
  return { samples, sampleRate: SAMPLE_RATE, durationMs: (samples.length * 1_000) / SAMPLE_RATE, warnings };
}

/**
 * Decodes a file block by block (some ten thousand samples each, 16 kHz mono), whatever its length. Warnings may come until the last block.
 * Iterating throws as {@link decodeAudioFile} does.
 */
export async function* openAudioFile(
  file: string | Uint8Array,
  onWarning: (warning: AudioFileWarning) => void = () => {},
): AsyncGenerator<Float32Array, void, undefined> {
  const bytes = openFile(file);
  try {
    const { sampleRate, blocks } = await openFormat(bytes, onWarning);
    if (sampleRate < SAMPLE_RATE / 4) {
      throw new AudioFileError('unsupported', `A sample rate of ${sampleRate} Hz is too low.`);
    }
    const resampler = new Resampler(sampleRate);
    let samples = 0;
    try {
      for await (const block of blocks) {
        samples += block.length;
        if (samples % YIELD_SAMPLES < block.length) await setImmediate();
        yield resampler.push(block);
      }
      yield resampler.flush();
    } finally {
      resampler.close();
    }
    if (samples === 0) throw new AudioFileError('no_samples', 'The file has a header but no samples.');
  } finally {
    bytes.close();
  }
}

function openFile(file: string | Uint8Array): ByteSource {
  try {
    return openBytes(file);
  } catch (cause) {
    throw new AudioFileError('unreadable', `Cannot open ${String(file)}.`, { cause });
  }
}

/** Chooses the format by the first bytes, never by the name. */
async function openFormat(bytes: ByteSource, warn: (warning: AudioFileWarning) => void): Promise<DecodedFile> {
  if (bytes.size === 0) throw new AudioFileError('empty', 'The file is empty.');
  // An Ogg page may carry any codec; FLAC names itself at the start of the first packet, byte 28 (RFC 9639, section 10.1).
  const head = String.fromCharCode(...bytes.read(0, 33));
  if (/^(RIFF|RF64)....WAVE/s.test(head)) return openWav(bytes, warn);
  if (head.startsWith('fLaC')) return openFlac(bytes, warn);
  if (/^OggS.{24}\x7fFLAC/s.test(head)) return openFlac(bytes, warn);
  throw new AudioFileError('not_audio', 'The file is neither WAV nor FLAC.');
}
