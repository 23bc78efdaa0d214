// The code that runs on the browser's audio thread, as text: it mixes to mono and posts blocks; all else happens on the
// page.

/** Name of the processor. */
export const CAPTURE_PROCESSOR = 'sotto-capture';

/** Samples of one block: about 20 ms, so that messages are few and a chunk waits for at most one of them. */
const BLOCK_MS = 20;

/**
 * The module for `audioWorklet.addModule`, plain JavaScript. It is text because a package cannot name a file in a way
 * that every bundler and CDN finds; pages whose Content-Security-Policy forbids `blob:` scripts serve this text as a
 * file and pass its address as `workletUrl`.
 */
export const CAPTURE_WORKLET_SOURCE = `
class CaptureProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.round((sampleRate * ${BLOCK_MS}) / 1000));
    this.filled = 0;
    this.open = true;
    this.port.onmessage = () => {
      this.post();
      this.open = false;
      this.port.postMessage(null);
    };
  }
  process([channels]) {
    if (!this.open) return false;
    const length = channels.length === 0 ? 0 : channels[0].length;
    for (let at = 0; at < length; at++) {
      let sum = 0;
      for (const channel of channels) sum += channel[at];
      this.block[this.filled++] = sum / channels.length;
      if (this.filled === this.block.length) this.post();
    }
    return true;
  }
  post() {
    const samples = this.block.slice(0, this.filled);
    this.filled = 0;
    this.port.postMessage(samples, [samples.buffer]);
  }
}
registerProcessor('${CAPTURE_PROCESSOR}', CaptureProcessor);
`;
