// Seeded random weights in half precision, written as a safetensors file while they are drawn.
import { open, type FileHandle } from 'node:fs/promises';
import { halfOfFloat } from '../whisper/weight-values.js';

/** Values of a tensor: normal around `mean`. */
export interface RandomTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly deviation: number;
  readonly mean: number;
}

/**
 * Values drawn for one scale. Longer tensors repeat them: a prime, so that no row of a matrix begins where another does.
 */
const BLOCK = 1_048_573;

/** Writes the file: a header, then tensor after tensor; never more than a block of a scale in memory. */
export async function writeRandomWeights(
  file: string,
  tensors: readonly RandomTensor[],
  seed: number,
  onProgress?: (written: number, total: number) => void,
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let total = 0;
  for (const { name, shape } of tensors) {
    const end = total + 2 * countOf(shape);
    header[name] = { dtype: 'F16', shape, data_offsets: [total, end] };
    total = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Aligned to 8 bytes, as the format's own writer does.
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(Buffer.concat([length, padded]));
    const normal = normals(seed);
    const blocks = new Map<string, Uint8Array>();
    let written = 0;
    for (const { shape, deviation, mean } of tensors) {
      const key = `${deviation} ${mean}`;
      let block = blocks.get(key);
      if (block === undefined) {
        const halves = Uint16Array.from({ length: BLOCK }, () => halfOfFloat(mean + deviation * normal()));
        block = new Uint8Array(halves.buffer);
        blocks.set(key, block);
      }
      await writeRepeated(handle, block, 2 * countOf(shape));
      written += 2 * countOf(shape);
      onProgress?.(written, total);
    }
  } finally {
    await handle.close();
  }
}

async function writeRepeated(handle: FileHandle, block: Uint8Array, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= block.byteLength) {
    await handle.writeFile(left < block.byteLength ? block.subarray(0, left) : block);
  }
}

function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Standard normal numbers (Box-Muller over mulberry32). */
function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
