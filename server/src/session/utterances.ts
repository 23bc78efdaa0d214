// The utterances of one stream: from what endpointing decides to what the client reads.
import type { FinalMessage, ServerMessage } from '@sotto/protocol';
import { LanguageEvidence } from '../asr/language-evidence.js';
import { LeftContext } from '../asr/left-context.js';
import type { DecodeTiming, FinalHypothesis, PartialHypothesis, Recognizer, TextBefore } from '../asr/recognizer.js';
import { AnswerQueue } from './answer-queue.js';
import type { AudioRing } from './audio-ring.js';
import { PreviousText } from './previous-text.js';
import { SAMPLES_PER_MS, toMs } from '../audio/samples.js';
import { SegmentInProgress, type StreamMemory } from './segment-in-progress.js';
import type { UtterancesState } from './session-checkpoint.js';
import type { SessionLog } from './session-port.js';
import type { StreamSettings } from './session-settings.js';

/** Finals of one stream that may wait to be decoded: beyond, its audio waits (and the gateway slows its socket). */
export const PENDING_FINALS_MAX = 8;

/** How much of the interval the first partial of an utterance waits for: by default 400 ms of speech, a word or two. */
const FIRST_INTERVAL_SHARE = 0.8;
/** New audio between two partials of an utterance in which no words were understood yet, milliseconds. */
const FIRST_WORDS_INTERVAL_MS = 160;

/** Why an utterance ended, with the id that a client gave its `finalize`. */
export interface Ending {
  readonly reason: FinalMessage['reason'];
  readonly finalizeId?: string | undefined;
}

export interface UtterancesOptions {
  readonly recognizer: Recognizer;
  readonly ring: AudioRing;
  /** Whether the client is there now. Absent: it is. */
  readonly isAttended?: (() => boolean) | undefined;
  readonly log: SessionLog;
  readonly send: (message: ServerMessage) => void;
  /** A final has been sent; the settings are those of its utterance. */
  readonly onFinal: (final: FinalMessage, settings: StreamSettings) => void;
  /** Audio received and not yet decoded, milliseconds. */
  readonly lagMs: () => number;
  /** A run that an utterance took part in is over. Absent: nobody wants to know. */
  readonly onDecode?: ((segmentId: number, decode: DecodeTiming) => void) | undefined;
  /** A final or a partial is there: what waited for it may go on. */
  readonly onProgress: () => void;
}

/** What `stopped` tells of the utterances. */
export interface UtteranceTotals {
  readonly speechMs: number;
  readonly segments: number;
  readonly words: number;
}

const WORDS = new Intl.Segmenter(undefined, { granularity: 'word' });

/** Opens, grows and ends the utterances of one stream; sends their events, the finals in their order. */
export class Utterances {
  readonly #options: UtterancesOptions;
  readonly #answers: AnswerQueue;
  readonly #previousText: PreviousText;
  readonly #languages: LanguageEvidence;
  /** Does not move with a session to another server: there its first utterances are heard alone. */
  readonly #leftContext = new LeftContext();
  /** When the finals of all utterances that have ended are there, or will not be. */
  #settled: Promise<unknown> = Promise.resolve();
  #open: SegmentInProgress | undefined;
  /** Ended, but their finals are not there yet; in order. */
  readonly #pending = new Set<SegmentInProgress>();
  /** What a forced cut left over: the first audio of the next utterance. */
  #carried: { readonly start: number; readonly audio: Float32Array } | undefined;
  #count: number;
  #speechSamples: number;
  #words: number;

  /** @param before the state of those that came before */
  constructor(options: UtterancesOptions, before?: UtterancesState) {
    this.#options = options;
    this.#previousText = new PreviousText(before?.previousText);
    this.#languages = new LanguageEvidence(before?.languages);
    this.#count = before?.count ?? 0;
    this.#speechSamples = before?.speechSamples ?? 0;
    this.#words = before?.words ?? 0;
    this.#answers = new AnswerQueue(options.send);
  }

  get totals(): UtteranceTotals {
    return { speechMs: toMs(this.#speechSamples), segments: this.#count, words: this.#words };
  }

  /** Where the first utterance without a final begins; undefined: there is none. */
  get unsettledStart(): number | undefined {
    return this.#firstUnsettled?.start;
  }

  /** The settings of that utterance. */
  get unsettledSettings(): StreamSettings | undefined {
    return this.#firstUnsettled?.settings;
  }

  /** All that is told for good. */
  get state(): UtterancesState {
    return {
      count: this.#firstUnsettled?.id ?? this.#count,
      speechSamples: this.#speechSamples,
      words: this.#words,
      previousText: this.#previousText.state,
      languages: this.#languages.speechMs,
    };
  }

  get #memory(): StreamMemory {
    return { languages: this.#languages, leftContext: this.#leftContext };
  }

  get #firstUnsettled(): SegmentInProgress | undefined {
    const [oldest = this.#open] = this.#pending;
    return oldest;
  }

  /** Whether another utterance may end now. */
  get hasRoom(): boolean {
    return this.#pending.size < PENDING_FINALS_MAX;
  }

  /** Position before which no decode is owed. */
  get processed(): number {
    const open = this.#open?.processed ?? Infinity;
    const [oldest] = this.#pending;
    return Math.min(open, oldest?.processed ?? Infinity);
  }

  /** Position up to which the utterance in progress was asked for a partial. */
  get askedUntil(): number | undefined {
    return this.#open?.askedUntil;
  }

  /** An utterance begins at `start`, its speech at `onset`; its audio up to `to` has been judged. */
  begin(
    { start, onset }: { readonly start: number; readonly onset: number },
    to: number,
    settings: StreamSettings,
  ): void {
    const { recognizer, ring, send, onDecode } = this.#options;
    const pending = [...this.#pending].map((segment) => segment.stableText);
    const { text, language } = this.#previousText.before(toMs(start), settings.prompt, pending);
    const before = { previousText: text, previousLanguage: language, preRollMs: toMs(onset - start), ...this.#memory };
    const segment = new SegmentInProgress(this.#count++, start, settings, before, recognizer, {
      isAttended: this.#options.isAttended,
      onPartial: (partial, hypothesis) => this.#partial(partial, hypothesis),
      onError: ({ id }, error) => this.#options.log.warn({ segment: id, err: error }, 'a partial failed'),
      onDecode: onDecode && (({ id }, decode) => onDecode(id, decode)),
    });
    if (this.#carried?.start === start) segment.append(this.#carried.audio);
    this.#carried = undefined;
    segment.extend(ring, to);
    this.#open = segment;
    send({ type: 'speechStarted', segmentId: segment.id, startMs: segment.startMs });
  }

  /** The utterance in progress, if any, gets the audio up to a position. */
  extend(to: number): void {
    this.#open?.extend(this.#options.ring, to);
  }

  /**
   * Asks for a partial when there is enough new audio: more of it under load, but not while the first words are yet to
   * come, since these tell a speaker that they are heard: where none were understood, it is heard again soon. The
   * padding before speech is nothing new to hear.
   */
  updateIfDue(): void {
    const segment = this.#open;
    if (segment === undefined) return;
    const { lacksWords, askedUntil, settings } = segment;
    const spacing = lacksWords ? undefined : this.#options.recognizer.stretch;
    const isFirst = askedUntil === segment.start;
    const ordinaryMs = settings.partialIntervalMs * (spacing ?? 1);
    const firstWordsMs = isFirst ? ordinaryMs * FIRST_INTERVAL_SHARE : FIRST_WORDS_INTERVAL_MS;
    const intervalMs = lacksWords ? Math.min(ordinaryMs, firstWordsMs) : ordinaryMs;
    const paddingMs = isFirst ? settings.endpointing.prefixPaddingMs : 0;
    if (segment.end - askedUntil >= (intervalMs + paddingMs) * SAMPLES_PER_MS) segment.update(spacing);
  }

  /** The utterance in progress, if any, may turn out to end at a position up to which it has audio. */
  pause(end: number): void {
    this.#open?.anticipate(end);
  }

  /** Whether the utterance in progress says something complete if it ends at a position. */
  async isComplete(end: number): Promise<boolean> {
    const segment = this.#open;
    return segment !== undefined && (await segment.isComplete(end, this.#textBefore(segment)));
  }

  /**
   * The utterance in progress ends at a position. Its final follows; a forced cut leaves the audio behind `end` to the
   * next one.
   */
  end(end: number, speechRatio: number, ending: Ending): void {
    const segment = this.#open;
    if (segment === undefined) return;
    this.#open = undefined;
    this.#pending.add(segment);
    if (ending.reason === 'forced') this.#carried = { start: end, audio: segment.audioFrom(end) };
    this.#options.send({ type: 'speechEnded', segmentId: segment.id, endMs: toMs(end) });
    const answer = this.#answers.reserve();
    const settled = segment.finish(end, speechRatio, this.#textBefore(segment)).then(
      (hypothesis) =>
        this.#settle(segment, () => {
          const final = this.#final(segment, end, ending, hypothesis);
          answer(final, () => {
            this.#told(segment, end, final.text);
            this.#options.onFinal(final, segment.settings);
          });
        }),
      (error: unknown) =>
        this.#settle(segment, () => answer(this.#failure(segment, end, error), () => this.#told(segment, end, ''))),
    );
    this.#settled = Promise.all([this.#settled, settled]);
  }

  /** Sends a message once all finals before it are sent. */
  answerInOrder(message: ServerMessage): void {
    this.#answers.add(message);
  }

  /** Resolves when every final and mark is sent. */
  finished(): Promise<void> {
    return this.#answers.empty();
  }

  /** Forgets everything and sends nothing more. */
  close(): void {
    this.#answers.close();
    for (const segment of this.#pending) segment.cancel();
    this.#pending.clear();
    this.#open?.cancel();
    this.#open = undefined;
  }

  /**
   * A final is told what the finals before it say, never what happens to be stable of them: its text does not depend on
   * time.
   */
  #textBefore({ startMs, settings }: SegmentInProgress): Promise<TextBefore> {
    return this.#settled.then(() => this.#previousText.before(startMs, settings.prompt, []));
  }

  #settle(segment: SegmentInProgress, answer: () => void): void {
    // Not there any more: the session was closed, and its recognition cancelled.
    if (!this.#pending.delete(segment)) return;
    segment.release();
    answer();
    this.#options.onProgress();
  }

  #partial(segment: SegmentInProgress, { stable, tentative, heardSamples }: PartialHypothesis): void {
    this.#options.send({
      type: 'partial',
      segmentId: segment.id,
      revision: segment.revision,
      stable,
      tentative,
      startMs: segment.startMs,
      endMs: toMs(segment.start + heardSamples),
      lagMs: this.#options.lagMs(),
    });
    this.#options.onProgress();
  }

  #final(segment: SegmentInProgress, end: number, ending: Ending, hypothesis: FinalHypothesis): FinalMessage {
    const { text, noise, words, language, avgLogprob, noSpeechProb } = hypothesis;
    const { startMs } = segment;
    this.#previousText.add(text, toMs(end), language);
    return {
      type: 'final',
      segmentId: segment.id,
      reason: ending.reason,
      ...(ending.finalizeId === undefined ? {} : { finalizeId: ending.finalizeId }),
      text,
      ...(noise === undefined ? {} : { noise }),
      startMs,
      endMs: toMs(end),
      ...(segment.settings.words
        ? { words: words.map((word) => ({ ...word, startMs: startMs + word.startMs, endMs: startMs + word.endMs })) }
        : {}),
      language,
      avgLogprob,
      noSpeechProb,
    };
  }

  /** What is told counts, in its order: not what was understood early. */
  #told(segment: SegmentInProgress, end: number, text: string): void {
    this.#speechSamples += end - segment.start;
    this.#words += countWords(text);
  }

  /**
   * The utterance is not lost silently: the client learns which part of its audio has no text, and may send it again
   * (rule SP3).
   */
  #failure(segment: SegmentInProgress, end: number, error: unknown): ServerMessage {
    this.#options.log.warn({ segment: segment.id, err: error }, 'a final failed');
    return {
      type: 'error',
      code: 'recognition_failed',
      message: 'This utterance could not be recognised.',
      retryable: true,
      fatal: false,
      segmentId: segment.id,
      startMs: segment.startMs,
      endMs: toMs(end),
    };
  }
}

function countWords(text: string): number {
  let count = 0;
  for (const { isWordLike } of WORDS.segment(text)) if (isWordLike === true) count++;
  return count;
}
