// A settled paragraph: its time, its words with theirs, and the way between what was said and what was made of it.
import { Component, type JSX } from 'preact';
import type { Messages } from '../i18n/en.js';
import { clockText, preciseClockText } from '../studio/clock-text.js';
import { shownText, type Segment } from '../studio/segment.js';
import { wordSpans } from '../studio/word-spans.js';

interface ParagraphProps {
  readonly segment: Segment;
  readonly words: Messages;
  readonly onToggleRaw: (key: string) => void;
}

/** Drawn once, and again only when its segment was polished or turned over. */
export class Paragraph extends Component<ParagraphProps> {
  override shouldComponentUpdate(next: ParagraphProps): boolean {
    return next.segment !== this.props.segment || next.words !== this.props.words;
  }

  override render({ segment, words, onToggleRaw }: ParagraphProps): JSX.Element {
    const isSaid = shownText(segment) === segment.text.trim();
    return (
      <p class="paragraph" {...(segment.language === '' ? {} : { lang: segment.language })}>
        <span class="time" aria-hidden="true">
          {clockText(segment.startMs)}
        </span>
        {isSaid ? (
          <SaidWords segment={segment} percent={words.confidence} />
        ) : (
          <span class="polished">{shownText(segment)}</span>
        )}
        {segment.polished !== undefined && segment.polished.text.trim() !== segment.text.trim() && (
          <button
            type="button"
            class="turn"
            title={describe(segment.polished, words)}
            onClick={() => onToggleRaw(segment.key)}
          >
            {isSaid ? words.showPolished : words.showRaw}
          </button>
        )}
      </p>
    );
  }
}

/** The words as they were recognised, each with its time and how sure it is. */
function SaidWords({ segment, percent }: { readonly segment: Segment; readonly percent: Messages['confidence'] }) {
  return wordSpans(segment.text.trim(), segment.words).map(({ text, word }) =>
    word === undefined ? (
      text
    ) : (
      <span
        class="word"
        data-time={`${preciseClockText(word.startMs)} – ${preciseClockText(word.endMs)} · ${percent(Math.round(word.confidence * 100))}`}
      >
        {text}
      </span>
    ),
  );
}

function describe({ model }: NonNullable<Segment['polished']>, words: Messages): string {
  if (model === 'none') return words.unpolished;
  return model === 'rules' ? words.polishedByRules : words.polishedBy(model);
}
