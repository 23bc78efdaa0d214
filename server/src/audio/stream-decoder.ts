// One interface over the libraries that decode: bytes of one format in, samples at the file's own rate out.

/** Samples of each channel, at the same rate; no channels: nothing came out. */
export interface DecodedBlock {
  readonly channelData: readonly Float32Array[];
  readonly sampleRate: number;
}

/** Decodes one file piece by piece. */
export interface StreamDecoder {
  /** What the next bytes of the file give. Throws, or rejects, when they cannot be decoded. */
  decode(bytes: Uint8Array): DecodedBlock | Promise<DecodedBlock>;
  /** The file is over: what was held back. Absent: nothing ever is. */
  flush?(): DecodedBlock | Promise<DecodedBlock>;
  free(): void;
}
