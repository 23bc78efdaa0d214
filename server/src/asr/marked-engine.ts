// An engine that hears numbers which a bench has hidden in its audio: which words must come is known exactly, and what
// is left is, as with NullEngine, the cost of everything around it.
import type { DecodedToken, DecodeRequest, DecodeResult } from './engine.js';
import { heardTokens, SURE_LOGPROB } from './heard-tokens.js';
import { NullEngine } from './null-engine.js';
import { loadTokenizer, type EngineTokenizer } from './tokenizer.js';

/** A number stands in the low byte of so many samples in a row, 10 ms. */
const MARK_SAMPLES = 160;
/** So much of a mark must be in a window to be heard. */
const HEARD_SAMPLES = MARK_SAMPLES / 2;
const FULL_SCALE = 32_768;
const FRAME_SAMPLES = 320;

interface Mark {
  readonly number: number;
  readonly frame: number;
}

/** Marked audio is `pcm_s16le` of one channel at 16 kHz, so that its samples arrive as they were. */
export class MarkedEngine extends NullEngine {
  readonly #tokenizer: EngineTokenizer;

  private constructor(directory: string, tokenizer: EngineTokenizer) {
    super(directory, 'marked');
    this.#tokenizer = tokenizer;
  }

  /** @param directory of a model whose tokenizer writes the numbers. Rejects with ModelError. */
  static async open(directory: string): Promise<MarkedEngine> {
    return new MarkedEngine(directory, await loadTokenizer(directory));
  }

  protected override hear(request: DecodeRequest): DecodeResult {
    const all = marksIn(request.audio).flatMap(({ number, frame }) =>
      this.#tokenizer.encodePrevious(`${number}`).map((id): DecodedToken => ({ id, frame, logprob: SURE_LOGPROB })),
    );
    return heardTokens(all, request);
  }
}

function marksIn(audio: Float32Array): Mark[] {
  const marks: Mark[] = [];
  for (let at = 0; at < audio.length;) {
    const number = lowByteAt(audio, at);
    let end = at + 1;
    while (end < audio.length && end - at < MARK_SAMPLES && lowByteAt(audio, end) === number) end++;
    if (number !== 0 && end - at >= HEARD_SAMPLES) marks.push({ number, frame: Math.floor(at / FRAME_SAMPLES) });
    at = end;
  }
  return marks;
}

function lowByteAt(audio: Float32Array, at: number): number {
  return ((audio[at] ?? 0) * FULL_SCALE) & 0xff;
}
