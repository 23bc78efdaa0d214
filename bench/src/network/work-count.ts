// What a Whisper must calculate and move at least, counted from its dimensions: the floor under every measured time.
import type { WhisperConfig } from '@sotto/models';

export interface Work {
  /** Floating-point operations; a multiplication with its addition counts two. */
  readonly operations: number;
  /** Bytes that must be read from the device's memory, each once. */
  readonly bytes: number;
}

/** What the machine does at best: measured, not from a data sheet. */
export interface Ceilings {
  /** Operations per second of a large matrix product in half precision. */
  readonly operationsPerSecond: number;
  /** Bytes per second of a large copy, read and written bytes counted. */
  readonly bytesPerSecond: number;
}

/** Bytes of a number in half precision. */
const HALF = 2;

/**
 * From PCM to the cross-attention keys and values of every decoder layer, for `batch` windows of `frames` encoder
 * frames (20 ms).
 */
export function encoderWork(config: WhisperConfig, batch: number, frames: number): Work {
  const { width, melBins, encoderInner, encoderLayers, decoderLayers } = config;
  const convolutions = 2 * 2 * frames * width * 3 * melBins + 2 * frames * width * 3 * width;
  const maps = 4 * width * width + 2 * width * encoderInner;
  const layer = 2 * frames * maps + 4 * frames * frames * width;
  const cross = decoderLayers * 2 * frames * 2 * width * width;
  const weights = encoderLayers * maps + decoderLayers * 2 * width * width + 3 * width * (melBins + width);
  return { operations: batch * (convolutions + encoderLayers * layer + cross), bytes: HALF * weights };
}

/** One run of the decoder: `tokens` new ones for each row behind `past`, `chosen` of them with a next token. */
export function decoderWork(config: WhisperConfig, { batch, frames, tokens, past, chosen }: DecoderRun): Work {
  const { width, decoderInner, decoderLayers, vocabularySize } = config;
  const maps = 6 * width * width + 2 * width * decoderInner;
  const attention = 4 * width * (past + tokens + frames);
  const row = tokens * decoderLayers * (2 * maps + attention) + chosen * 2 * width * vocabularySize;
  const weights = decoderLayers * maps + vocabularySize * width;
  const cache = decoderLayers * 2 * width * (past + frames);
  return { operations: batch * row, bytes: HALF * (weights + batch * cache) };
}

export interface DecoderRun {
  readonly batch: number;
  readonly frames: number;
  readonly tokens: number;
  readonly past: number;
  readonly chosen: number;
}

/** The shortest time that the work may take, milliseconds. */
export function floorMs({ operations, bytes }: Work, ceilings: Ceilings): number {
  return 1_000 * Math.max(operations / ceilings.operationsPerSecond, bytes / ceilings.bytesPerSecond);
}
