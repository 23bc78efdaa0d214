// Base64 as browsers and many tools hand it out: with what it is in front of it.

/** RFC 2397, in base64: `data:audio/webm;codecs=opus;base64,`. */
const DATA_URL = /^data:[^,]{0,256};base64,/i;

/** The base64 of a data URL; any other text as it is. */
export function withoutDataUrl(text: string): string {
  return text.slice(DATA_URL.exec(text)?.[0].length ?? 0);
}
