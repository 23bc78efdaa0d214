// Boxes of an MP4 file, one after the other (ISO/IEC 14496-12, section 4.2).

export interface Box {
  readonly type: string;
  readonly at: number;
  readonly body: number;
  readonly end: number;
}

export interface BoxHeader {
  readonly type: string;
  /** Infinity: to the end of what is around it, or nothing sensible. */
  readonly size: number;
  /** Bytes before its content. */
  readonly header: number;
}

/** The header of a box; undefined where not all of it is there. */
export function headerAt(view: DataView, at: number): BoxHeader | undefined {
  if (at + 8 > view.byteLength) return undefined;
  const type = typeAt(view, at + 4);
  const short = view.getUint32(at);
  if (short !== 1) return { type, size: short < 8 ? Infinity : short, header: 8 };
  if (at + 16 > view.byteLength) return undefined;
  const long = Number(view.getBigUint64(at + 8));
  return { type, size: long < 16 ? Infinity : long, header: 16 };
}

/** The boxes of which all bytes are between two places, up to the first that makes no sense. */
export function* boxes(view: DataView, start: number, end: number): Generator<Box> {
  for (let at = start; ;) {
    const box = headerAt(view, at);
    if (box === undefined || at + box.size > end) return;
    yield { type: box.type, at, body: at + box.header, end: at + box.size };
    at += box.size;
  }
}

/** Four letters. */
export function typeAt(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((offset) => view.getUint8(at + offset)));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
