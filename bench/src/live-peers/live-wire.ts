// What every streaming server is to the load generator: audio in, a text that grows and changes out.

/** All that a client of one stream shows at a time, from the stream's first word on. */
export interface LiveText {
  /** What the server calls done: finals, completed segments, committed words. */
  readonly settled: string;
  /** What it may still change. */
  readonly tentative: string;
}

export interface LiveWire {
  /** PCM, 16 kHz, 16 bit, one channel. */
  send(pcm: Uint8Array): void;
  /** Says that no more audio comes. Resolves when the server has said all it has to say, or has taken too long. */
  finish(): Promise<void>;
  close(): void;
}

export interface WireOptions {
  readonly port: number;
  readonly language: string;
  /** The text as it is now, each time that the server says something about it. */
  readonly shows: (text: LiveText) => void;
}

/** Opens one stream. @throws BenchError `peer_failed` when the server does not take it */
export type OpenWire = (options: WireOptions) => Promise<LiveWire>;
