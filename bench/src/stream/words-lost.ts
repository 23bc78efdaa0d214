// Words that should have come and did not.

/** How many of `wanted` are missing in `got`, whatever their order. */
export function wordsLost(wanted: readonly string[], got: readonly string[]): number {
  const left = new Map<string, number>();
  for (const word of got) left.set(word, (left.get(word) ?? 0) + 1);
  let lost = 0;
  for (const word of wanted) {
    const count = left.get(word) ?? 0;
    if (count === 0) lost++;
    else left.set(word, count - 1);
  }
  return lost;
}

/** Of a text, to be compared. */
export function wordsIn(text: string): string[] {
  return text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
}
