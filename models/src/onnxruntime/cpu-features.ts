// What this machine's CPU has for products of bytes.
import { readFile } from 'node:fs/promises';

/** Flags of /proc/cpuinfo: any of them has instructions that add products of bytes in 32 bits. */
const EXACT_FLAGS = ['avx512_vnni', 'avx_vnni', 'amx_int8'] as const;

/**
 * Instructions for products of bytes: `dot`: summed exactly, in 32 bits. `pairs`: two at a time in 16 bits, where large
 * ones are cut off.
 */
export type ByteProducts = 'dot' | 'pairs';

let known: Promise<ByteProducts> | undefined;

/**
 * Of an x64 CPU whose flags nobody tells (any system but Linux) the lesser is assumed; arm64 is exact with all its
 * instructions.
 */
export function byteProducts(): Promise<ByteProducts> {
  return (known ??= find());
}

/** Whether sums of products of bytes are exact, whatever the bytes are. */
export async function sumsBytesExactly(): Promise<boolean> {
  return (await byteProducts()) === 'dot';
}

async function find(): Promise<ByteProducts> {
  if (process.arch !== 'x64') return 'dot';
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const flags = new Set(/^flags\s*:(.*)$/m.exec(text)?.[1]?.split(/\s+/) ?? []);
  return EXACT_FLAGS.some((flag) => flags.has(flag)) ? 'dot' : 'pairs';
}
