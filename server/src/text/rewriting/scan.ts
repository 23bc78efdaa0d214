// One pass over a text from left to right. What it decides at a place depends on what stands behind that place only as
// far as a matcher says, so that the beginning of a text is settled before its end is known.

/** Where something is written in the place of `from` to `to`, in UTF-16 code units. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** What a matcher sees at a place. */
export interface Sight {
  /** Where the match ends, and what is written for it. */
  readonly match?: { readonly to: number; readonly text: string } | undefined;
  /** Whether more text behind the end could make another match, or a longer one. */
  readonly isOpen: boolean;
}

export type Matcher = (text: string, at: number) => Sight;

export const NOTHING: Sight = { isOpen: false };
export const OPEN: Sight = { isOpen: true };

export interface Scanned {
  /** As far as it is settled. */
  readonly text: string;
  readonly edits: readonly Edit[];
}

/**
 * The text with its matches replaced: the longest at each place, the first matcher's of those as long. Linear where the
 * matchers look a bounded way ahead, or past what they match.
 * @param isWhole whether nothing follows; if not, the result ends before what could still become another match, and the
 * result for any longer text begins with it.
 */
export function scan(text: string, matchers: readonly Matcher[], isWhole: boolean): Scanned {
  const edits: Edit[] = [];
  let out = '';
  let kept = 0;
  let at = 0;
  while (at < text.length) {
    const sights = matchers.map((matcher) => matcher(text, at));
    if (!isWhole && sights.some(({ isOpen }) => isOpen)) break;
    const longest = sights.reduce<Sight['match']>(
      (best, { match }) => (match !== undefined && match.to > (best?.to ?? at) ? match : best),
      undefined,
    );
    if (longest === undefined) {
      at += 1;
      continue;
    }
    edits.push({ from: at, ...longest });
    out += text.slice(kept, at) + longest.text;
    kept = at = longest.to;
  }
  return { text: out + text.slice(kept, at), edits };
}
