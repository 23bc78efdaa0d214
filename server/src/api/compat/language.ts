// Texts of several utterances as one, and the terms of a client as hotwords.
import { joinTexts } from '@sotto/protocol';

/** Languages that are written without spaces between words, in scripts that {@link joinTexts} does not know. */
const WITHOUT_SPACES: ReadonlySet<string> = new Set(['th', 'lo', 'km', 'my', 'bo']);

/** Words or utterances of a language as one text. */
export function joinUtterances(texts: readonly string[], language: string): string {
  return WITHOUT_SPACES.has(language) ? texts.join('') : joinTexts(texts);
}

/** The terms of a client that fit into the hotwords of a session. */
export function hotwordsOf(
  terms: readonly string[],
  { hotwordsMax, hotwordCharsMax }: { readonly hotwordsMax: number; readonly hotwordCharsMax: number },
): string[] {
  const usable = terms.map((term) => term.trim()).filter((term) => term !== '' && term.length <= hotwordCharsMax);
  return [...new Set(usable)].slice(0, hotwordsMax);
}
