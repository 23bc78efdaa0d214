// How much a file may cost to decode: bounds that no honest file comes near.

/** Memory of a decoder's process, bytes: a process takes some 80 MB before its first file, and a file 10 to 100 MB. */
export const DECODER_MEMORY_BYTES = 536_870_912;
/** JavaScript objects of a decoder's process, MB, and one memory of WebAssembly, pages of 64 KiB. */
export const DECODER_HEAP_MB = 256;
export const DECODER_WASM_PAGES = 4_096;

/** A slice takes milliseconds: a decoder that says nothing for so long hangs, milliseconds. */
export const SLICE_TIMEOUT_MS = 30_000;
/** Work on any file, milliseconds, and on each byte of it: AMR, the slowest by bytes, takes about 0.02 on one core. */
const WORK_MS = 30_000;
const WORK_MS_PER_BYTE = 0.5;

/** Audio of any file, milliseconds, and of each byte of it: an hour of digital silence in FLAC takes 70 kB or more. */
const AUDIO_MS = 900_000;
const AUDIO_MS_PER_BYTE = 50;

/** Time that decoding may take when so many bytes of a file are read, milliseconds. */
export function workMsMax(bytes: number): number {
  return WORK_MS + bytes * WORK_MS_PER_BYTE;
}

/** Audio that so many bytes of a file may hold, milliseconds. */
export function audioMsMax(bytes: number): number {
  return AUDIO_MS + bytes * AUDIO_MS_PER_BYTE;
}
