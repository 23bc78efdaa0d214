// Language tags as other services take them, and what the model makes of them.

/** `en-US` -> `en`: the model knows languages, not regions. */
export function primaryLanguage(tag: string): string {
  return (tag.split(/[-_]/)[0] ?? '').toLowerCase();
}

/** Languages that are written without spaces between words. */
const WITHOUT_SPACES: ReadonlySet<string> = new Set(['zh', 'yue', 'ja', 'th', 'lo', 'km', 'my', 'bo']);

/** Two utterances as one text. */
export function joinUtterances(text: string, more: string, language: string): string {
  if (text === '' || more === '') return text + more;
  return `${text}${WITHOUT_SPACES.has(language) ? '' : ' '}${more}`;
}

/** The terms of a client that fit into the hotwords of a session. */
export function hotwordsOf(
  terms: readonly string[],
  { hotwordsMax, hotwordCharsMax }: { readonly hotwordsMax: number; readonly hotwordCharsMax: number },
): string[] {
  const usable = terms.map((term) => term.trim()).filter((term) => term !== '' && term.length <= hotwordCharsMax);
  return [...new Set(usable)].slice(0, hotwordsMax);
}
