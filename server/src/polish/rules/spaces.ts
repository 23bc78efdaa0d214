// White space and punctuation as they are set in languages with spaces.

/** French sets a space within its quotes and before marks of two parts: kept where it stands. */
const FRENCH_QUOTES = /« | »/u;
const FRENCH_SPACE = /(?<=«)[ \u00a0\u202f]+|[ \u00a0\u202f]+(?=[;:!?»](?:[\s\u00a0\u202f;:!?»"')\]]|$))/gu;
/** Stands for a space that is to be kept: half of a pair, which no text has alone. */
const KEPT = '\udfff';

/**
 * One space between words, none before a comma, one behind it; repeated marks once. `isFrench`, or quotes as French
 * sets them: the space before : ; ! ? stays.
 */
export function tidySpaces(text: string, isFrench = false): string {
  if (isFrench || FRENCH_QUOTES.test(text)) {
    const kept: string[] = [];
    const marked = text.replaceAll(FRENCH_SPACE, (space) => {
      kept.push(space.replaceAll(/ +/g, ' ').charAt(0));
      return KEPT;
    });
    return tidied(marked).replaceAll(KEPT, () => kept.shift() ?? ' ');
  }
  return tidied(text);
}

function tidied(text: string): string {
  return (
    text
      .replaceAll(/\s+/g, ' ')
      .replaceAll(/ +([,.;:!?…])(?=\s|$|["')\]])/g, '$1')
      // A comma that lost what stood before it, as fillers do when they go.
      .replaceAll(/([,;:])(?:\s*[,;:])+/g, '$1')
      .replaceAll(/,(?=[.!?])/g, '')
      .replaceAll(/([,;!?])(?=\p{L})/gu, '$1 ')
      .replaceAll(/^[\s,;:]+/g, '')
      .trim()
  );
}
