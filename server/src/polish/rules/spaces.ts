// White space and punctuation as they are set in languages with spaces.

/** One space between words, none before a comma, one behind it; repeated marks once. */
export function tidySpaces(text: string): string {
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
