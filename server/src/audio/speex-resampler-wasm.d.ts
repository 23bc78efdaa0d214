// The part of SpeexDSP's C interface (speex_resampler.h) that the WebAssembly build exports and the resampler uses;
// pointers are byte offsets.
declare module '@echogarden/speex-resampler-wasm/simd' {
  interface SpeexResamplerModule {
    readonly HEAPF32: Float32Array;
    readonly HEAPU32: Uint32Array;
    _malloc(bytes: number): number;
    _speex_resampler_init(channels: number, inRate: number, outRate: number, quality: number, error: number): number;
    _speex_resampler_destroy(state: number): void;
    _speex_resampler_skip_zeros(state: number): number;
    /** Input samples by which the output lags, once the leading zeros are skipped. */
    _speex_resampler_get_input_latency(state: number): number;
    /** The two lengths are read as room and written as what was used. */
    _speex_resampler_process_float(
      state: number,
      channel: number,
      input: number,
      inputLength: number,
      output: number,
      outputLength: number,
    ): number;
  }
  export default function loadSpeexResampler(): Promise<SpeexResamplerModule>;
}
