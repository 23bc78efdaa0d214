// FLAC files (native and Ogg), decoded as their bytes come (libFLAC compiled to WebAssembly).
import { FLACDecoder, type FLACDecodedAudio } from '@wasm-audio-decoders/flac';
import { AudioFileError, type AudioFileWarning } from './audio-errors.js';
import type { DecodedBlock, StreamDecoder } from './stream-decoder.js';

/**
 * Zeros behind the end. The decoder knows the end of a frame by the header of the next one, for which it wants more
 * bytes than a last frame of silence has; without them that frame and the one before it would be lost.
 */
const END_PADDING = new Uint8Array(32);
/** Bytes of the head of a native file up to the number of samples. */
const HEAD_BYTES = 26;

export class FlacStream implements StreamDecoder {
  readonly #decoder: FLACDecoder;
  readonly #warn: (warning: AudioFileWarning) => void;
  #head = new Uint8Array(0);
  #samples = 0;
  #damages = 0;

  static async open(warn: (warning: AudioFileWarning) => void): Promise<FlacStream> {
    const decoder = new FLACDecoder();
    await decoder.ready;
    return new FlacStream(decoder, warn);
  }

  private constructor(decoder: FLACDecoder, warn: (warning: AudioFileWarning) => void) {
    this.#decoder = decoder;
    this.#warn = warn;
  }

  async decode(bytes: Uint8Array): Promise<DecodedBlock> {
    if (this.#head.length < HEAD_BYTES) {
      this.#head = new Uint8Array(Buffer.concat([this.#head, bytes.subarray(0, HEAD_BYTES - this.#head.length)]));
    }
    return this.#take(await this.#decoder.decode(bytes));
  }

  /** Rejects with AudioFileError `not_audio` when nothing could be decoded. */
  async flush(): Promise<DecodedBlock> {
    const last = this.#take(await this.#decoder.decode(END_PADDING));
    const rest = this.#take(await this.#decoder.flush());
    const promised = promisedSamples(this.#head);
    if (this.#samples === 0 && (this.#damages > 0 || promised !== 0)) {
      throw new AudioFileError('not_audio', 'Nothing in the FLAC file can be decoded.');
    }
    if (this.#damages > 0) {
      this.#warn({
        code: 'damaged',
        message: `${this.#damages} frames of the file are damaged; the others were read.`,
      });
    }
    if (this.#samples < (promised ?? 0)) {
      const message = `The file has ${this.#samples} of ${promised} samples; what is there was read.`;
      this.#warn({ code: 'truncated', message });
    }
    return join(last, rest);
  }

  free(): void {
    this.#decoder.free();
  }

  #take({ channelData, samplesDecoded, sampleRate, errors }: FLACDecodedAudio): DecodedBlock {
    this.#damages += errors.length;
    this.#samples += samplesDecoded;
    return { channelData: samplesDecoded === 0 ? [] : channelData, sampleRate };
  }
}

function join(a: DecodedBlock, b: DecodedBlock): DecodedBlock {
  if (a.channelData.length === 0) return b;
  if (b.channelData.length === 0) return a;
  const channelData = a.channelData.map((channel, index) => {
    const more = b.channelData[index] ?? new Float32Array(0);
    const both = new Float32Array(channel.length + more.length);
    both.set(channel);
    both.set(more, channel.length);
    return both;
  });
  return { ...a, channelData };
}

/**
 * Samples per channel by STREAMINFO (RFC 9639, section 8.2): 0 for a stream of unknown length, undefined where no
 * header is (Ogg, cut off).
 */
function promisedSamples(head: Uint8Array): number | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < HEAD_BYTES || view.getUint32(0) !== 0x664c_6143) return undefined;
  return (view.getUint8(21) & 15) * 2 ** 32 + view.getUint32(22);
}
