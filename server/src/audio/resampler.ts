// Streaming sample rate conversion to 16 kHz with SpeexDSP's polyphase resampler (compiled to WebAssembly).
import { CodedError } from '@sotto/protocol';
import loadSpeex from '@echogarden/speex-resampler-wasm/simd';
import { SAMPLE_RATE } from './samples.js';

/**
 * SpeexDSP quality 0-10. At 7 a 48 kHz stream keeps 7 kHz within 0.001 dB, what lies 800 Hz beyond the new Nyquist
 * frequency falls by 114 dB, and one core converts about a thousand live streams.
 */
const QUALITY = 7;

/**
 * Input samples of one call into WebAssembly, and room for what they may become at the lowest rate that is allowed (8
 * kHz: twice as many).
 */
const BLOCK = 4_096;
const OUTPUT_ROOM = 4 * BLOCK;

// One instance of the module serves every stream: a stream is a few ten kilobytes of filter state in its memory.
const speex = await loadSpeex();
const inputAt = speex._malloc(BLOCK * 4);
const outputAt = speex._malloc(OUTPUT_ROOM * 4);
const lengthsAt = speex._malloc(8);

/** The converter could not be made or refused to run. */
export class ResamplerError extends CodedError<'resampler_failed'> {
  override readonly name = 'ResamplerError';

  constructor(message: string, options?: ErrorOptions) {
    super('resampler_failed', message, options);
  }
}

/**
 * Converts one mono stream to {@link SAMPLE_RATE}. The state lives on between calls, so the result does not depend on
 * how the stream was cut into chunks. The filter's delay is taken off: output sample n is input time n / 16,000 s. The
 * state is memory outside the garbage collector's reach: {@link close} gives it back.
 */
export class Resampler {
  readonly #inputRate: number;
  /** Address of the state; 0 when there is nothing to convert, or after close. */
  #state = 0;
  #received = 0;
  #returned = 0;

  /** @throws ResamplerError for a rate below 4 kHz or no whole number of Hz. */
  constructor(inputRate: number) {
    if (!Number.isInteger(inputRate) || inputRate < SAMPLE_RATE / 4) {
      throw new ResamplerError(`Cannot convert from ${inputRate} Hz.`);
    }
    this.#inputRate = inputRate;
    if (inputRate === SAMPLE_RATE) return;
    this.#state = speex._speex_resampler_init(1, inputRate, SAMPLE_RATE, QUALITY, lengthsAt);
    if (this.#state === 0) throw new ResamplerError('No memory for another converter.');
    speex._speex_resampler_skip_zeros(this.#state);
  }

  /** Converts the next samples; some of what they become is held back until the filter has seen what follows. */
  push(samples: Float32Array): Float32Array {
    this.#received += samples.length;
    if (this.#inputRate === SAMPLE_RATE) return samples;
    const output = this.#convert(samples);
    this.#returned += output.length;
    return output;
  }

  /** Ends the stream: the samples still held back. In all, a stream of n samples becomes round(n * 16,000 / rate). */
  flush(): Float32Array {
    if (this.#inputRate === SAMPLE_RATE) return new Float32Array(0);
    const missing = Math.round((this.#received * SAMPLE_RATE) / this.#inputRate) - this.#returned;
    const latency = speex._speex_resampler_get_input_latency(this.#state);
    const tail = this.#convert(new Float32Array(2 * latency));
    this.#returned += missing;
    return tail.subarray(0, missing);
  }

  /** Frees the state. May be called twice. */
  close(): void {
    if (this.#state !== 0) speex._speex_resampler_destroy(this.#state);
    this.#state = 0;
  }

  #convert(samples: Float32Array): Float32Array {
    if (this.#state === 0) throw new ResamplerError('The converter is closed.');
    const output = new Float32Array(Math.ceil((samples.length * SAMPLE_RATE) / this.#inputRate) + 1);
    let length = 0;
    for (let at = 0; at < samples.length;) {
      const block = samples.subarray(at, at + BLOCK);
      // The views are looked up for each call: they are replaced when the module's memory grows.
      speex.HEAPF32.set(block, inputAt / 4);
      speex.HEAPU32.set([block.length, OUTPUT_ROOM], lengthsAt / 4);
      const failure = speex._speex_resampler_process_float(this.#state, 0, inputAt, lengthsAt, outputAt, lengthsAt + 4);
      if (failure !== 0) throw new ResamplerError(`The converter failed with code ${failure}.`);
      const [consumed = 0, produced = 0] = speex.HEAPU32.subarray(lengthsAt / 4, lengthsAt / 4 + 2);
      output.set(speex.HEAPF32.subarray(outputAt / 4, outputAt / 4 + produced), length);
      length += produced;
      at += consumed;
    }
    return output.subarray(0, length);
  }
}
