// One interface over the libraries that decode: bytes of one format in, samples at the file's own rate out.

/** Samples of each channel, at the same rate; no channels: nothing came out. */
export interface DecodedBlock {
  readonly channelData: readonly Float32Array[];
  readonly sampleRate: number;
  /** Silence before it, seconds. */
  readonly silenceS?: number;
}

/** One block, or several with silence between them. */
export type Decoded = DecodedBlock | readonly DecodedBlock[];

/** Decodes one file piece by piece. */
export interface StreamDecoder {
  /** What the next bytes of the file give. Throws, or rejects, when they cannot be decoded. */
  decode(bytes: Uint8Array): Decoded | Promise<Decoded>;
  /** The file is over: what was held back. Absent: nothing ever is. */
  flush?(): Decoded | Promise<Decoded>;
  /** Of a file that is over: whether it ends within a part that it began. Absent: that cannot be told. */
  readonly isCutOff?: boolean;
  free(): void;
}

/** What the libraries are: they know nothing of silence. */
export interface BlockDecoder {
  decode(bytes: Uint8Array): DecodedBlock | Promise<DecodedBlock>;
  flush?(): DecodedBlock | Promise<DecodedBlock>;
  free(): void;
}
