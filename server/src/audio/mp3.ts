// MP3: whether a file has all bytes that its first frame promises.
import type { BlockDecoder, DecodedBlock, StreamDecoder } from './stream-decoder.js';

/**
 * The first frame of most files holds no sound but a table, by the name of Xing (or Info where all frames are of one
 * size), with the number of bytes of all frames where its flags say so: http://gabriel.mp3-tech.org/mp3infotag.html.
 */
const TABLE = /Xing|Info/;
/** It begins 13 to 36 bytes into the frame. */
const HEAD_BYTES = 64;
const FLAG_FRAMES = 1;
const FLAG_BYTES = 2;
/** Writers count the table's own frame, or do not: the largest frame there is. */
const SLACK_BYTES = 1_441;

export class Mp3Stream implements StreamDecoder {
  readonly #decoder: BlockDecoder;
  #head = Buffer.alloc(0);
  #bytes = 0;

  constructor(decoder: BlockDecoder) {
    this.#decoder = decoder;
  }

  get isCutOff(): boolean {
    return this.#bytes + SLACK_BYTES < promisedBytes(this.#head);
  }

  decode(bytes: Uint8Array): DecodedBlock | Promise<DecodedBlock> {
    if (this.#bytes < HEAD_BYTES) this.#head = Buffer.concat([this.#head, bytes]).subarray(0, HEAD_BYTES);
    this.#bytes += bytes.length;
    return this.#decoder.decode(bytes);
  }

  flush(): DecodedBlock | Promise<DecodedBlock> {
    return this.#decoder.flush?.() ?? { channelData: [], sampleRate: 0 };
  }

  free(): void {
    this.#decoder.free();
  }
}

/** 0: nothing is promised. */
function promisedBytes(head: Buffer): number {
  const table = head.toString('latin1').search(TABLE);
  if (table < 0 || table + 16 > head.length) return 0;
  const flags = head.readUInt32BE(table + 4);
  return (flags & FLAG_BYTES) === 0 ? 0 : head.readUInt32BE(table + ((flags & FLAG_FRAMES) === 0 ? 8 : 12));
}
