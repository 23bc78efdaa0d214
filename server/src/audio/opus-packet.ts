// How long an Opus packet sounds, by its first bytes (RFC 6716, section 3.1).

/** Milliseconds of one frame by configuration: SILK, hybrid and CELT. */
const SILK_MS = [10, 20, 40, 60];
const CELT_MS = [2.5, 5, 10, 20];
const FRAME_MS = [SILK_MS, SILK_MS, SILK_MS, [10, 20, 10, 20], CELT_MS, CELT_MS, CELT_MS, CELT_MS].flat();

/** Seconds; 0 for a packet without bytes. */
export function opusPacketS(first: number | undefined, second: number | undefined): number {
  if (first === undefined) return 0;
  const code = first & 3;
  const frames = code === 0 ? 1 : code === 3 ? (second ?? 0) & 63 : 2;
  return (frames * (FRAME_MS[first >> 3] ?? 0)) / 1_000;
}
