// The transcript: settled paragraphs with word times, then what is being spoken.
import { useSignal } from '@preact/signals';
import { Component, type JSX } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { words } from '../i18n/language.js';
import { clockText, preciseClockText } from '../studio/clock-text.js';
import type { Segment } from '../studio/live-stream.js';
import { server } from '../studio/server-watch.js';
import { segments, spokenLanguage, stream } from '../studio/studio.js';
import { wordSpans } from '../studio/word-spans.js';

/** Who has scrolled up further than this from the end reads something there, pixels. */
const FOLLOW_WITHIN_PX = 120;

interface WordTime {
  readonly text: string;
  /** Middle of the word's top edge, pixels of the window. */
  readonly x: number;
  readonly y: number;
}

export function Transcript(): JSX.Element {
  const t = words.value;
  const wordTime = useSignal<WordTime | undefined>(undefined);
  const live = stream.value;
  const stable = live?.stable.value ?? '';
  const tentative = live?.tentative.value ?? '';
  useFollowing(`${segments.value.length} ${stable} ${tentative}`);

  const point = (event: PointerEvent): void => {
    const word = event.target instanceof HTMLElement ? event.target.closest<HTMLElement>('[data-time]') : null;
    const box = word?.getBoundingClientRect();
    const text = word?.dataset['time'];
    wordTime.value = box && text ? { text, x: box.left + box.width / 2, y: box.top } : undefined;
  };

  return (
    <section
      class="transcript"
      aria-label={t.transcript}
      onPointerOver={point}
      onPointerLeave={() => (wordTime.value = undefined)}
    >
      {/* Settled text only is read aloud: what may still change would be read again and again. */}
      <div class="settled" role="log" aria-live="polite" aria-label={t.transcript}>
        {segments.value.map((segment) => (
          <Paragraph key={`${segment.startMs} ${segment.text}`} segment={segment} percent={t.confidence} />
        ))}
      </div>
      {stable + tentative !== '' && (
        <p class="paragraph spoken" aria-live="off" lang={spokenTag()}>
          <span class="stable">{stable}</span>
          <span class="tentative">{tentative}</span>
        </p>
      )}
      {segments.value.length === 0 && stable + tentative === '' && <Hint />}
      {wordTime.value !== undefined && (
        <div class="word-time" style={{ left: `${wordTime.value.x}px`, top: `${wordTime.value.y}px` }}>
          {wordTime.value.text}
        </div>
      )}
    </section>
  );
}

/** The language of what is being spoken, as far as it is known before it settles. */
function spokenTag(): string {
  if (spokenLanguage.value !== 'auto') return spokenLanguage.value;
  const [only, ...others] = server.value.name === 'ready' ? server.value.languages : [];
  return segments.value.at(-1)?.language || (others.length === 0 ? (only ?? '') : '');
}

function Hint(): JSX.Element {
  const t = words.value;
  return (
    <div class="hint">
      <p class="hint-title">{t.hintTitle}</p>
      <p>{t.hintBody}</p>
      <p class="hint-drop">{t.hintFile}</p>
    </div>
  );
}

interface ParagraphProps {
  readonly segment: Segment;
  readonly percent: (percent: number) => string;
}

/** Drawn once: a settled segment never changes. */
class Paragraph extends Component<ParagraphProps> {
  override shouldComponentUpdate(next: ParagraphProps): boolean {
    return next.segment !== this.props.segment || next.percent !== this.props.percent;
  }

  override render({ segment, percent }: ParagraphProps): JSX.Element {
    return (
      <p class="paragraph" {...(segment.language === '' ? {} : { lang: segment.language })}>
        <span class="time" aria-hidden="true">
          {clockText(segment.startMs)}
        </span>
        {wordSpans(segment.text.trim(), segment.words).map(({ text, word }) =>
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
        )}
      </p>
    );
  }
}

/** Keeps the end in sight while text comes, unless the reader has scrolled away from it. */
function useFollowing(content: string): void {
  const wasAtEnd = useRef(true);
  useLayoutEffect(() => {
    const note = (): void => {
      const page = document.documentElement;
      wasAtEnd.current = page.scrollHeight - page.clientHeight - page.scrollTop < FOLLOW_WITHIN_PX;
    };
    addEventListener('scroll', note, { passive: true });
    return () => removeEventListener('scroll', note);
  }, []);
  useLayoutEffect(() => {
    if (wasAtEnd.current) window.scrollTo({ top: document.documentElement.scrollHeight });
  }, [content]);
}
