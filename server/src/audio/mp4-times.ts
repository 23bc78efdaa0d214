// Where the sound of an MP4 file begins, by its edit list (ISO/IEC 14496-12, section 8.6.6).

const HOLDERS = new Set(['moov', 'trak', 'edts', 'mdia']);

/** Seconds of nothing before the first sound track; 0 without a whole index. */
export function mp4LateS(head: Uint8Array): number {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  let scale = 0;
  let late = 0;
  /** Of the first sound track. */
  let found: number | undefined;
  const walk = (start: number, end: number, depth: number): void => {
    if (depth > HOLDERS.size) return;
    for (let at = start; at + 8 <= end;) {
      const size = view.getUint32(at);
      const type = Buffer.from(head.subarray(at + 4, at + 8)).toString('latin1');
      if (size < 8 || at + size > end) return;
      const body = at + 8;
      if (type === 'mvhd' && size >= 32) scale = view.getUint32(body + (head[body] === 1 ? 20 : 12));
      if (type === 'trak') late = 0;
      if (type === 'elst') late = emptyUnits(view, body, at + size);
      if (type === 'hdlr' && size >= 20 && view.getUint32(body + 8) === 0x736f756e) found ??= late;
      if (HOLDERS.has(type)) walk(body, at + size, depth + 1);
      at += size;
    }
  };
  walk(0, head.length, 0);
  return scale === 0 ? 0 : (found ?? 0) / scale;
}

/** Length of the empty edits before the first other one, in units of the movie. */
function emptyUnits(view: DataView, body: number, end: number): number {
  if (body + 8 > end) return 0;
  const isLong = view.getUint8(body) === 1;
  let units = 0;
  for (let at = body + 8; at + (isLong ? 20 : 12) <= end; at += isLong ? 20 : 12) {
    const length = isLong ? Number(view.getBigUint64(at)) : view.getUint32(at);
    const start = isLong ? Number(view.getBigInt64(at + 8)) : view.getInt32(at + 4);
    if (start !== -1) return units;
    units += length;
  }
  return 0;
}
