// The merges of a byte-level BPE vocabulary, which vocabulary files leave out: each entry is one, in the order of their
// ids.

type Merge = readonly [left: string, right: string];

/**
 * An entry of several characters was made by joining two earlier ones: those that are left when the earlier merges have
 * been applied to it (openai/tiktoken ranks tokens so). Entries that no merge makes have none.
 * @param entries in the order of their ids, in GPT-2's byte-level alphabet
 */
export function mergesOf(entries: readonly string[]): Merge[] {
  const rankOf = new Map(entries.map((entry, id) => [entry, id]));
  const merges: Merge[] = [];
  for (const [rank, entry] of entries.entries()) {
    // Characters are outside of no plane: the alphabet ends at U+0143.
    if (entry.length < 2) continue;
    const [left, right, ...more] = joined(entry, rank, rankOf);
    if (left !== undefined && right !== undefined && more.length === 0) merges.push([left, right]);
  }
  return merges;
}

/** The parts of an entry when every merge of a lower rank has been applied, the lowest first. */
function joined(entry: string, rankMax: number, rankOf: ReadonlyMap<string, number>): string[] {
  const parts = entry.split('');
  for (;;) {
    let [best, at] = [rankMax, -1];
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = rankOf.get(`${parts[i]}${parts[i + 1]}`) ?? rankMax;
      if (rank < best) [best, at] = [rank, i];
    }
    if (at < 0) return parts;
    parts.splice(at, 2, `${parts[at]}${parts[at + 1]}`);
  }
}
