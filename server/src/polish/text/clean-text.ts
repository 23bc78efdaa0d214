// Text of any origin as text that a model may read: no control characters, no halves of characters, no more white space
// than it needs.

const LONE_SURROGATES = /\p{Cs}/gu;
const CONTROLS = /[\p{Cc}\p{Cf}]/gu;
/**
 * Format characters that belong to words: joiners of emoji and of Indic and Persian letters, variation is no format.
 */
const JOINERS = new Set(['\u200c', '\u200d']);
/** Alone they are meant: French sets them before its marks. */
const NO_BREAK = new Set(['\u00a0', '\u202f']);
const PARAGRAPH = '\n\n';

/** Keeps letters, punctuation, emoji and paragraphs. Lone surrogates become U+FFFD. */
export function cleanText(text: string): string {
  const spaced = text
    .replaceAll(LONE_SURROGATES, '\ufffd')
    .normalize('NFC')
    .replaceAll(/\r\n?|[\u2028\u2029]/g, '\n')
    .replaceAll('\t', ' ');
  const paragraphs = spaced.split(/\n[ \u00a0]*\n\s*/).map((paragraph) =>
    paragraph
      .replaceAll('\n', ' ')
      .replaceAll(CONTROLS, (character) => (JOINERS.has(character) ? character : ''))
      .replaceAll(/\s+/g, (space) => (NO_BREAK.has(space) ? space : ' '))
      .trim(),
  );
  return paragraphs.filter((paragraph) => paragraph !== '').join(PARAGRAPH);
}
