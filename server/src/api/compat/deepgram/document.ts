// The document that answers `POST /v1/listen`: words, utterances and paragraphs of a recording.
import { randomUUID } from 'node:crypto';
import type { TranscribedSegment } from '../../../asr/files/file-transcriber.js';
import { joinUtterances } from '../language.js';
import type { ListenOptions } from './listen-options.js';
import type { ModelInfo } from './model-info.js';
import { warningsField } from './warnings.js';
import { meanConfidence, seconds, spokenWords, styled, type SpokenWord } from './words.js';

/** Sentences of one paragraph, and the pause that ends one early, seconds. */
const PARAGRAPH_SENTENCES_MAX = 5;
const PARAGRAPH_PAUSE_S = 2;
const SENTENCE_END = /[.?!。？！…]["'”’)\]]*$/u;

/** What was heard in one channel, or in all of them mixed. */
export interface HeardChannel {
  readonly segments: readonly TranscribedSegment[];
  readonly durationMs: number;
  /** What is to be said about the file. */
  readonly warnings: readonly string[];
}

export interface Recording {
  readonly channels: readonly HeardChannel[];
  /** Hex, over the bytes as they came. */
  readonly sha256: string;
  readonly requestId: string;
  readonly created: Date;
}

interface Sentence {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly words: number;
}

export function listenDocument(recording: Recording, listen: ListenOptions, model: ModelInfo): object {
  const channels = recording.channels.map((channel) => channelOf(channel, listen));
  const said = new Set(recording.channels.flatMap(({ warnings }) => warnings));
  const ofFile = [...said].map((message) => ({ parameter: 'file', type: 'file_warning', message }) as const);
  const utterances = channels.flatMap(({ spoken, language }, index) =>
    utterancesOf(spoken, index, listen.utteranceSplitS, language),
  );
  return {
    metadata: { ...metadataOf(recording, model), ...warningsField([...listen.warnings, ...ofFile]) },
    results: {
      channels: channels.map(({ result }) => result),
      ...(listen.hasUtterances ? { utterances: utterances.toSorted((a, b) => a.start - b.start) } : {}),
    },
  };
}

function channelOf({ segments }: HeardChannel, listen: ListenOptions) {
  const language = mainLanguage(segments);
  const style = { isPunctuated: listen.isPunctuated, language: listen.tellsLanguage ? language : undefined };
  const spoken = segments.flatMap(({ text, words }) => spokenWords(text, words, style));
  const words = spoken.map(({ word }) => word);
  const told = segments.filter(({ text }) => text !== '');
  const alternative = {
    transcript: joinUtterances(
      told.map((segment) => styled(segment.text, style)),
      language,
    ),
    confidence: meanConfidence(words),
    words,
    ...(listen.hasParagraphs ? { paragraphs: paragraphsOf(segments, language) } : {}),
    ...(listen.tellsLanguage ? { languages: [...new Set(told.map((segment) => segment.language))] } : {}),
  };
  const result = {
    ...(listen.tellsLanguage ? { detected_language: language } : {}),
    ...(listen.detectsLanguage ? { language_confidence: shareOf(language, told) } : {}),
    alternatives: [alternative],
  };
  return { result, spoken, language };
}

function metadataOf({ requestId, sha256, created, channels }: Recording, model: ModelInfo) {
  return {
    transaction_key: 'deprecated',
    request_id: requestId,
    sha256,
    created: created.toISOString(),
    duration: seconds(Math.max(...channels.map(({ durationMs }) => durationMs))),
    channels: channels.length,
    models: [model.uuid],
    model_info: { [model.uuid]: model.info },
  };
}

/** The share of the speech that is in a language, 0-1. */
function shareOf(language: string, segments: readonly TranscribedSegment[]): number {
  const agreeing = segments.filter((segment) => segment.language === language);
  return Math.round((1_000 * speechMs(agreeing)) / Math.max(1, speechMs(segments))) / 1_000;
}

function speechMs(segments: readonly TranscribedSegment[]): number {
  return segments.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
}

/** The language in which most was said. */
function mainLanguage(segments: readonly TranscribedSegment[]): string {
  const spokenMs = new Map<string, number>();
  for (const { language, startMs, endMs } of segments)
    spokenMs.set(language, (spokenMs.get(language) ?? 0) + endMs - startMs);
  return [...spokenMs].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? 'en';
}

/** Words between pauses of at least `splitS` seconds. */
function utterancesOf(spoken: readonly SpokenWord[], channel: number, splitS: number, language: string) {
  return runs(spoken, (next, last) => pauseBetween(last, next) >= splitS).map((run) => {
    const words = run.map(({ word }) => word);
    return {
      id: randomUUID(),
      start: words[0]?.start ?? 0,
      end: words.at(-1)?.end ?? 0,
      confidence: meanConfidence(words),
      channel,
      transcript: textOf(run, language),
      words,
    };
  });
}

function paragraphsOf(segments: readonly TranscribedSegment[], language: string): object {
  const spoken = segments.flatMap(({ text, words }) => spokenWords(text, words, { isPunctuated: true }));
  const sentences = runs(spoken, endsSentence).map((run): Sentence => ({
    text: textOf(run, language),
    start: run[0]?.word.start ?? 0,
    end: run.at(-1)?.word.end ?? 0,
    words: run.length,
  }));
  const paragraphs = runs(
    sentences,
    (sentence, before, length) => length >= PARAGRAPH_SENTENCES_MAX || sentence.start - before.end >= PARAGRAPH_PAUSE_S,
  );
  const texts = paragraphs.map((run) =>
    joinUtterances(
      run.map(({ text }) => text),
      language,
    ),
  );
  return {
    transcript: texts.length === 0 ? '' : `\n${texts.join('\n\n')}`,
    paragraphs: paragraphs.map((run) => ({
      sentences: run.map(({ text, start, end }) => ({ text, start, end })),
      num_words: run.reduce((sum, sentence) => sum + sentence.words, 0),
      start: run[0]?.start ?? 0,
      end: run.at(-1)?.end ?? 0,
    })),
  };
}

/** By its mark; not every text has one, so a pause that ends a paragraph ends it too. */
function endsSentence(next: SpokenWord, last: SpokenWord): boolean {
  return SENTENCE_END.test(last.word.punctuated_word ?? '') || pauseBetween(last, next) >= PARAGRAPH_PAUSE_S;
}

/** Seconds. */
function pauseBetween(last: SpokenWord, next: SpokenWord): number {
  return next.word.start - last.word.end;
}

/** The text as it stands in its segments. */
function textOf(spoken: readonly SpokenWord[], language: string): string {
  return spoken.reduce((text, { word, before }) => {
    const said = word.punctuated_word ?? word.word;
    return before?.trim() === '' ? `${text}${before}${said}` : joinUtterances([text, said], language);
  }, '');
}

/** Neighbours together, up to where the next one begins anew. `length`: of the run so far. */
function runs<T>(items: readonly T[], beginsAnew: (item: T, before: T, length: number) => boolean): T[][] {
  const all: T[][] = [];
  for (const item of items) {
    const run = all.at(-1);
    const before = run?.at(-1);
    if (run === undefined || before === undefined || beginsAnew(item, before, run.length)) all.push([item]);
    else run.push(item);
  }
  return all;
}
