// Boxes of an MP4 file, one after the other (ISO/IEC 14496-12, section 4.2).

export interface Box {
  readonly type: string;
  readonly at: number;
  readonly body: number;
  readonly end: number;
}

/** The boxes of which all bytes are between two places, up to the first that makes no sense. */
export function* boxes(view: DataView, start: number, end: number): Generator<Box> {
  for (let at = start; at + 8 <= end;) {
    const short = view.getUint32(at);
    const isLong = short === 1 && at + 16 <= end;
    const header = isLong ? 16 : 8;
    const size = isLong ? Number(view.getBigUint64(at + 8)) : short;
    if (size < header || at + size > end) return;
    yield { type: typeAt(view, at + 4), at, body: at + header, end: at + size };
    at += size;
  }
}

/** Four letters. */
export function typeAt(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((offset) => view.getUint8(at + offset)));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
