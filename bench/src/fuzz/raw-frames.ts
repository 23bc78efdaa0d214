// WebSocket frames as RFC 6455 (5.2) lays them out, and as it does not: wrong opcodes, lengths, masks and fragments.
import type { Chance } from './chance.js';

/** Up to a megabyte is promised and not sent. */
const PROMISED_MAX = 1_000_000;

export function rawFrame(chance: Chance): Uint8Array {
  if (chance.hits(0.05)) return chance.bytes(1 + chance.below(40));
  const isOdd = chance.hits(0.03);
  const opcode = isOdd ? chance.below(16) : chance.of([1, 2, 2, 9, 10]);
  const first = (isOdd && chance.hits(0.5) ? chance.below(8) << 4 : 0x80) | opcode;
  const body = opcode === 2 ? chance.bytes(chance.below(120)) : Buffer.from('{"type":"ping"}');
  const isMasked = !chance.hits(0.01);
  const said = chance.hits(0.01) ? chance.below(PROMISED_MAX) : body.length;
  return Buffer.concat([Uint8Array.of(first), lengthOf(said, isMasked), ...(isMasked ? [Buffer.alloc(4)] : []), body]);
}

function lengthOf(length: number, isMasked: boolean): Uint8Array {
  const mask = isMasked ? 0x80 : 0;
  if (length < 126) return Uint8Array.of(mask | length);
  if (length < 65_536) return Uint8Array.of(mask | 126, length >> 8, length & 255);
  const long = Buffer.alloc(9);
  long[0] = mask | 127;
  long.writeBigUInt64BE(BigInt(length), 1);
  return long;
}
