// Chinese text of a segment in the characters that were asked for, and marks as wide as the characters.
import type { Word } from '@sotto/protocol';
import { withNarrowMarks, withWideMarks } from '../../text/chinese-marks.js';
import { inScript, type ChineseScript } from '../../text/chinese-script.js';
import type { TrackedText } from './hypothesis-tracker.js';

/** Languages whose marks are wide, or may be. */
const HAS_WIDE_MARKS: ReadonlySet<string> = new Set(['zh', 'yue', 'ja', 'ko']);

/** Text, and the same text word by word. */
export interface WordedText {
  readonly text: string;
  readonly words: readonly Word[];
}

/** Of one segment: what is stable of its partials is turned as it comes, so that it never changes. */
export class SegmentScript {
  readonly #script: ChineseScript | undefined;
  readonly #isAsked: boolean;
  /** Stable text as it was heard, and what it became. */
  #stable = { heard: '', turned: '' };

  /**
   * @param asked what the language tag says: it counts for Cantonese too
   * @param otherwise what counts for Mandarin where the tag says nothing
   */
  constructor(asked: ChineseScript | undefined, otherwise: ChineseScript | 'mixed' = 'simplified') {
    this.#isAsked = asked !== undefined;
    this.#script = asked ?? (otherwise === 'mixed' ? undefined : otherwise);
  }

  /** At once where there is nothing to turn. */
  ofPartial(text: TrackedText, language: string): TrackedText | Promise<TrackedText> {
    const script = this.#scriptOf(language);
    if (script !== undefined) return this.#turn(text, script);
    if (HAS_WIDE_MARKS.has(language)) return text;
    const stable = withNarrowMarks(text.stable);
    return { stable, tentative: withNarrowMarks(text.tentative, text.stable) };
  }

  async #turn(text: TrackedText, script: ChineseScript): Promise<TrackedText> {
    const { heard, turned } = this.#stable;
    const stable = turned + (await written(text.stable.slice(heard.length), script, turned));
    this.#stable = { heard: text.stable, turned: stable };
    return { stable, tentative: await written(text.tentative, script, stable) };
  }

  async of({ text, words }: WordedText, language: string): Promise<WordedText> {
    const script = this.#scriptOf(language);
    if (script === undefined && HAS_WIDE_MARKS.has(language)) return { text, words };
    if (script === undefined) {
      return {
        text: withNarrowMarks(text),
        words: words.map((word) => ({ ...word, text: withNarrowMarks(word.text) })),
      };
    }
    return {
      text: await written(text, script),
      words: await Promise.all(words.map(async (word) => ({ ...word, text: await written(word.text, script) }))),
    };
  }

  #scriptOf(language: string): ChineseScript | undefined {
    return language === 'zh' || (language === 'yue' && this.#isAsked) ? this.#script : undefined;
  }
}

async function written(text: string, script: ChineseScript, before?: string): Promise<string> {
  return withWideMarks(await inScript(text, script), before);
}
