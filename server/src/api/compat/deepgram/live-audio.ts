// The audio of a live stream on its way to one session, or to one for each channel.
import { bytesPerFrame, type AudioFormat } from '@sotto/protocol';
import { splitChannels } from '../../../audio/pcm.js';

/** Cuts interleaved samples into a stream for each channel. Chunks may end anywhere. */
export class ChannelSplitter {
  readonly #channels: number;
  readonly #sampleBytes: number;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(audio: AudioFormat) {
    this.#channels = audio.channels;
    this.#sampleBytes = bytesPerFrame(audio) / audio.channels;
  }

  /** The samples of each channel in a chunk, with what was left of the one before. */
  split(chunk: Uint8Array): Uint8Array[] {
    const bytes = this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frameBytes = this.#sampleBytes * this.#channels;
    const frames = Math.floor(bytes.byteLength / frameBytes);
    this.#rest = bytes.slice(frames * frameBytes);
    return splitChannels(bytes.subarray(0, frames * frameBytes), this.#sampleBytes, this.#channels);
  }
}
