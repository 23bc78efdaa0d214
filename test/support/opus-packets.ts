// The packets in an Ogg Opus file, as a recorder that knows no container sends them.

/** Without the two headers (RFC 3533, RFC 7845). */
export function opusPackets(file: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  let parts: Buffer[] = [];
  for (let at = 0; at < file.length;) {
    const lacing = file.subarray(at + 27, at + 27 + (file[at + 26] ?? 0));
    at += 27 + lacing.length;
    for (const length of lacing) {
      parts.push(file.subarray(at, at + length));
      at += length;
      if (length === 255) continue;
      packets.push(Buffer.concat(parts));
      parts = [];
    }
  }
  return packets.slice(2);
}
