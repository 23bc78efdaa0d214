// A transcript: settled paragraphs with word times, then what is being spoken.
import { useSignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { words } from '../i18n/language.js';
import type { Segment } from '../studio/segment.js';
import { Paragraph } from './paragraph.js';

/** Who has scrolled up further than this from the end reads something there, pixels. */
const FOLLOW_WITHIN_PX = 120;

interface TranscriptProps {
  readonly segments: readonly Segment[];
  readonly stable: string;
  readonly tentative: string;
  /** The language of what is being spoken; empty: unknown. */
  readonly spokenTag: string;
  /** Switches a paragraph between what was said and what was made of it. */
  readonly onToggleRaw: (key: string) => void;
  /** Shown while there is no text. */
  readonly children: ComponentChildren;
}

interface WordTime {
  readonly text: string;
  /** Middle of the word's top edge, pixels of the window. */
  readonly x: number;
  readonly y: number;
}

export function Transcript(props: TranscriptProps): JSX.Element {
  const { segments, stable, tentative, spokenTag, onToggleRaw, children } = props;
  const t = words.value;
  const wordTime = useSignal<WordTime | undefined>(undefined);
  const isEmpty = segments.length === 0 && stable + tentative === '';
  useFollowing(`${segments.length} ${stable} ${tentative}`);
  useEffect(() => {
    const hide = (): void => void (wordTime.value = undefined);
    addEventListener('scroll', hide, { passive: true });
    return () => removeEventListener('scroll', hide);
  }, []);

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
      onPointerLeave={({ pointerType }) => {
        // A finger leaves at once; what it touched stays until it touches something else.
        if (pointerType !== 'touch') wordTime.value = undefined;
      }}
    >
      {/* Settled text only is read aloud: what may still change would be read again and again. */}
      <div class="settled" role="log" aria-live="polite" aria-label={t.transcript}>
        {segments.map((segment) => (
          <Paragraph key={segment.key} segment={segment} words={t} onToggleRaw={onToggleRaw} />
        ))}
      </div>
      {stable + tentative !== '' && (
        <p class="paragraph spoken" aria-live="off" lang={spokenTag}>
          <span class="stable">{stable}</span>
          <span class="tentative">{tentative}</span>
        </p>
      )}
      {isEmpty && children}
      {wordTime.value !== undefined && (
        <div class="word-time" style={{ left: `${wordTime.value.x}px`, top: `${wordTime.value.y}px` }}>
          {wordTime.value.text}
        </div>
      )}
    </section>
  );
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
