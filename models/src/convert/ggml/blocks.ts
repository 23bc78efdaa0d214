// ggml's quantised blocks of 32 weights as halves (ggml-org/ggml `ggml-quants.c`, `dequantize_row_*`).
import { floatOfHalf, halfOfFloat } from '../../whisper/weight-values.js';

const BLOCK = 32;
const HALF_BLOCK = BLOCK / 2;

/** How the blocks of one type lie: scale, perhaps the minimum, perhaps a fifth bit of each weight, then the weights. */
interface BlockLayout {
  readonly bits: 4 | 5 | 8;
  readonly hasMinimum: boolean;
}

const LAYOUTS = {
  q4_0: { bits: 4, hasMinimum: false },
  q4_1: { bits: 4, hasMinimum: true },
  q5_0: { bits: 5, hasMinimum: false },
  q5_1: { bits: 5, hasMinimum: true },
  q8_0: { bits: 8, hasMinimum: false },
} as const satisfies Record<string, BlockLayout>;

export type BlockType = keyof typeof LAYOUTS;

export function isBlockType(name: string): name is BlockType {
  return Object.hasOwn(LAYOUTS, name);
}

/** Bytes of so many weights, a multiple of 32. */
export function blockBytes(type: BlockType, weights: number): number {
  const { bits, hasMinimum } = LAYOUTS[type];
  const head = hasMinimum ? 4 : 2;
  return (weights / BLOCK) * (head + (BLOCK * bits) / 8);
}

/** The weights of whole blocks. */
export function unpackBlocks(type: BlockType, bytes: Buffer): Uint16Array {
  const size = blockBytes(type, BLOCK);
  const halves = new Uint16Array((bytes.length / size) * BLOCK);
  const layout = LAYOUTS[type];
  const unpack = layout.bits === 8 ? unpackBytes : unpackNibbles;
  for (let at = 0, to = 0; at < bytes.length; at += size, to += BLOCK) unpack(bytes, at, halves, to, layout);
  return halves;
}

function unpackBytes(bytes: Buffer, at: number, halves: Uint16Array, to: number): void {
  const scale = floatOfHalf(bytes.readUInt16LE(at));
  for (let i = 0; i < BLOCK; i++) halves[to + i] = halfOfFloat(scale * bytes.readInt8(at + 2 + i));
}

/** The lower four bits of the 16 bytes are the first half of a block, the upper ones the second. */
function unpackNibbles(bytes: Buffer, at: number, halves: Uint16Array, to: number, layout: BlockLayout): void {
  const scale = floatOfHalf(bytes.readUInt16LE(at));
  let from = at + 2;
  const minimum = layout.hasMinimum ? floatOfHalf(bytes.readUInt16LE(from)) : 0;
  if (layout.hasMinimum) from += 2;
  const fifth = layout.bits === 5 ? bytes.readUInt32LE(from) : 0;
  if (layout.bits === 5) from += 4;
  const middle = layout.hasMinimum ? 0 : 2 ** (layout.bits - 1);
  for (let i = 0; i < HALF_BLOCK; i++) {
    const pair = bytes.readUInt8(from + i);
    const first = (pair & 0xf) | (((fifth >>> i) & 1) << 4);
    const second = (pair >>> 4) | (((fifth >>> (i + HALF_BLOCK)) & 1) << 4);
    halves[to + i] = halfOfFloat(scale * (first - middle) + minimum);
    halves[to + i + HALF_BLOCK] = halfOfFloat(scale * (second - middle) + minimum);
  }
}
