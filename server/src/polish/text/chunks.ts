// Long texts in pieces that a model takes at once, cut between sentences.

export interface Chunk {
  readonly text: string;
  /** What stands between this chunk and the next one: a paragraph, a space, or nothing. */
  readonly behind: string;
}

const SENTENCES = new Intl.Segmenter(undefined, { granularity: 'sentence' });
const WORDS = new Intl.Segmenter(undefined, { granularity: 'word' });

/**
 * Chunks of at most `charsMax` characters: as many whole sentences as fit, never across a paragraph's end; a longer
 * sentence is cut between words, a longer word anywhere. Put together again, with what stands behind each, they are the
 * text, but for white space at the cuts.
 */
export function chunksOf(text: string, charsMax: number): Chunk[] {
  const paragraphs = text.split('\n\n').filter((paragraph) => paragraph.trim() !== '');
  return paragraphs.flatMap((paragraph, index) => {
    const chunks = packed(sentencesOf(paragraph, charsMax), charsMax);
    const isLast = index === paragraphs.length - 1;
    return chunks.map((chunk, place): Chunk => {
      const spaced = /\s$/.test(chunk);
      const behind = place < chunks.length - 1 ? (spaced ? ' ' : '') : isLast ? '' : '\n\n';
      return { text: chunk.trim(), behind };
    });
  });
}

/** Sentences, and pieces of those that are too long; together they are the text. */
function sentencesOf(text: string, charsMax: number): string[] {
  const sentences = Array.from(SENTENCES.segment(text), ({ segment }) => segment);
  return sentences.flatMap((sentence) =>
    sentence.length <= charsMax
      ? [sentence]
      : packed(
          Array.from(WORDS.segment(sentence), ({ segment }) => segment).flatMap((word) => slices(word, charsMax)),
          charsMax,
        ),
  );
}

function packed(pieces: readonly string[], charsMax: number): string[] {
  const packs: string[] = [];
  let pack = '';
  for (const piece of pieces) {
    // White space stays with what it stands behind; chunks are trimmed, so that it takes no room.
    if (piece.trim() !== '' && pack.trim() !== '' && pack.length + piece.trimEnd().length > charsMax) {
      packs.push(pack);
      pack = '';
    }
    pack += piece;
  }
  if (pack.trim() !== '') packs.push(pack);
  return packs;
}

function slices(word: string, charsMax: number): string[] {
  if (word.length <= charsMax) return [word];
  const slices: string[] = [];
  let slice = '';
  // By code points, so that no character is cut in two.
  for (const character of word) {
    if (slice.length + character.length > charsMax) {
      slices.push(slice);
      slice = '';
    }
    slice += character;
  }
  return [...slices, slice];
}
