// What this machine's CPU has for products of bytes.
import { readFile } from 'node:fs/promises';

/** Flags of /proc/cpuinfo for instructions that add products of bytes in 32 bits; the widest first. */
const DOT_FLAGS = ['amx_int8', 'avx512_vnni', 'avx_vnni', 'asimddp'] as const;

export interface ByteProducts {
  /** `dot`: summed exactly, in 32 bits. `pairs`: two at a time in 16 bits, where large ones are cut off. */
  readonly sums: 'dot' | 'pairs';
  /** The flag of the instructions that make it fast; undefined where none is seen. */
  readonly by: (typeof DOT_FLAGS)[number] | undefined;
}

let known: Promise<ByteProducts> | undefined;

/** Those of this machine. */
export function byteProducts(): Promise<ByteProducts> {
  return (known ??= readFile('/proc/cpuinfo', 'utf8').then(
    (text) => byteProductsOf(process.arch, text),
    () => byteProductsOf(process.arch, ''),
  ));
}

/**
 * Of an x64 CPU whose flags nobody tells (any system but Linux) the lesser is assumed; arm64 is exact with all its
 * instructions, and fast with those of `asimddp`.
 * @param arch as in `process.arch`
 * @param cpuinfo text of /proc/cpuinfo
 */
export function byteProductsOf(arch: string, cpuinfo: string): ByteProducts {
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]?.split(/\s+/) ?? []);
  const by = DOT_FLAGS.find((flag) => flags.has(flag));
  return { sums: arch !== 'x64' || by !== undefined ? 'dot' : 'pairs', by };
}

/** Whether sums of products of bytes are exact, whatever the bytes are. */
export async function sumsBytesExactly(): Promise<boolean> {
  return (await byteProducts()).sums === 'dot';
}
