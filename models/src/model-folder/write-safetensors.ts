// Writes a safetensors file while its tensors are made: never more than a piece of one in memory.
import { open } from 'node:fs/promises';

const bytesOf = { I8: 1, F16: 2, BF16: 2, F32: 4 } as const;

/** A tensor of `model.safetensors`. */
export interface TensorToWrite {
  readonly name: string;
  readonly type: keyof typeof bytesOf;
  readonly shape: readonly number[];
  /**
   * Its values, row-major, piece by piece. A piece is written before the next one is asked for, so that they may share
   * memory.
   */
  pieces(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** Bytes of weights written so far, and in all. */
export type WriteProgress = (written: number, total: number) => void;

export async function writeSafetensors(
  file: string,
  tensors: readonly TensorToWrite[],
  onProgress?: WriteProgress,
): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let total = 0;
  for (const { name, type, shape } of tensors) {
    const end = total + shape.reduce((product, size) => product * size, bytesOf[type]);
    header[name] = { dtype: type, shape, data_offsets: [total, end] };
    total = end;
  }
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(encodeHeader(header));
    let written = 0;
    for (const tensor of tensors) {
      for await (const piece of tensor.pieces()) {
        await handle.writeFile(piece);
        written += piece.byteLength;
      }
      onProgress?.(written, total);
    }
  } finally {
    await handle.close();
  }
}

/** 8 bytes of length, then JSON, filled up to 8 bytes as the format's own writer does. */
function encodeHeader(header: object): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  json.copy(padded);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}
