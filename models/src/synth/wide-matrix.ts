// Matrices of a widened model, in half precision: the small model's at their place, random numbers around them.
import { halfOfFloat } from '../whisper/weight-values.js';

/** What a row holds. */
export interface RowPlan {
  /** Halves at its begin, where the small model's are. */
  readonly begin?: Uint16Array | undefined;
  /** Halves at its end. */
  readonly end?: Uint16Array;
  /** Rows with the same number get the same random numbers in between. */
  readonly filling: number;
  /**
   * So many random numbers, then as many with the opposite sign, and so on: what they add is 0 where inputs come in
   * such pairs. Default: no opposites.
   */
  readonly opposite?: number;
}

/** Values made at a time: pieces of about a megabyte. */
const PIECE = 2 ** 19;
/** Matrices, and rows in them, begin far from each other in the noise. */
const MATRIX_STRIDE = 611_953;
const ROW_STRIDE = 104_729;

/** Where the random numbers are from. */
export interface Noise {
  /** Repeated as often as needed. */
  readonly halves: Uint16Array;
  /** The matrix's number: another one gets other values. */
  readonly matrix: number;
}

/** A matrix, some rows at a time, in memory that is used again. */
export function* filledRows(
  rows: number,
  columns: number,
  { halves, matrix }: Noise,
  plan: (row: number) => RowPlan,
): Iterable<Uint8Array> {
  const most = Math.min(rows, Math.ceil(PIECE / columns));
  const buffer = new Uint16Array(most * columns);
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    for (let i = 0; i < count; i++) {
      const { begin = none, end = none, filling, opposite } = plan(first + i);
      const row = buffer.subarray(i * columns, (i + 1) * columns);
      row.set(begin);
      row.set(end, columns - end.length);
      const from = (matrix * MATRIX_STRIDE + filling * ROW_STRIDE) % halves.length;
      fill(row.subarray(begin.length, columns - end.length), halves, from, opposite);
    }
    yield new Uint8Array(buffer.buffer, 0, 2 * count * columns);
  }
}

const none = new Uint16Array();
const SIGN = 0x8000;

function fill(row: Uint16Array, noise: Uint16Array, from: number, opposite: number | undefined): void {
  if (opposite === undefined) {
    for (let at = from, i = 0; i < row.length; at = 0) {
      const part = noise.subarray(at, at + row.length - i);
      row.set(part, i);
      i += part.length;
    }
    return;
  }
  const paired = row.length - (row.length % (2 * opposite));
  for (let group = 0, at = from; group < paired; group += 2 * opposite) {
    for (let i = group; i < group + opposite; i++, at++) {
      if (at === noise.length) at = 0;
      const value = noise[at] ?? 0;
      row[i] = value;
      row[i + opposite] = value ^ SIGN;
    }
  }
  // What is left without its opposite adds nothing.
  row.fill(0, paired);
}

/** The rows of a matrix as halves; none of an empty one. */
export function halfRows(values: Float32Array, columns: number): Uint16Array[] {
  if (values.length === 0) return [];
  const halves = halvesOf(values);
  return Array.from({ length: values.length / columns }, (_, row) =>
    halves.subarray(row * columns, (row + 1) * columns),
  );
}

export function halvesOf(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = halfOfFloat(values[i] ?? 0);
  return halves;
}

/** The mean of the rows of a matrix. */
export function meanRow(values: Float32Array, columns: number): Float32Array {
  const sums = new Float64Array(columns);
  for (let i = 0; i < values.length; i++) sums[i % columns] = (sums[i % columns] ?? 0) + (values[i] ?? 0);
  const rows = values.length / columns;
  return Float32Array.from(sums, (sum) => sum / rows);
}
