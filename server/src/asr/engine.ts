// What an engine is: one device that decodes batches of windows with one Whisper model.
import type { LanguageProbabilities } from './language-evidence.js';

/** What the decoder is told before it hears. */
export interface DecodePrompt {
  /** Language code; `null` lets the model choose. */
  readonly language: string | null;
  /**
   * Whether the language is a guess, and what the model hears by itself is wanted too: costs a pass where there is
   * previous text. Absent: no.
   */
  readonly isGuess?: boolean;
  readonly task: 'transcribe' | 'translate';
  /**
   * Token ids of the text before this window (after <|startofprev|>); the engine keeps the last ones that fit. Empty:
   * none.
   */
  readonly previous: readonly number[];
  /** What `previous` is in: where another language is spoken it is not told. Absent: it is told in any. */
  readonly previousLanguage?: string | undefined;
  /** Token ids already committed in this window: decoding goes on behind them. */
  readonly committed: readonly number[];
}

/** Terms that the caller expects: tried where a text sounds like one of them. */
export interface Hotwords {
  /** Names the list: equal keys, equal terms. */
  readonly key: string;
  /** In the caller's spelling. */
  readonly terms: readonly string[];
}

/**
 * Who waits for a window. Where runs share the device, one stands still between its passes while one that is more
 * urgent is under way.
 * - `awaited`: somebody does, and has nothing yet: a final, the first words of an utterance.
 * - `refining`: somebody who has words already, which it brings up to date.
 * - `unhurried`: nobody at the moment: a file.
 */
export type Urgency = (typeof URGENCIES)[number];

/** The most urgent first. */
export const URGENCIES = ['awaited', 'refining', 'unhurried'] as const;

/** Whether `a` goes before `b`. */
export function isMoreUrgent(a: Urgency, b: Urgency): boolean {
  return URGENCIES.indexOf(a) < URGENCIES.indexOf(b);
}

/** The most urgent of them: `unhurried` where there is none. */
export function mostUrgent(all: Iterable<Urgency>): Urgency {
  const set = new Set(all);
  return URGENCIES.find((urgency) => set.has(urgency)) ?? 'unhurried';
}

/** One window to decode. */
export interface DecodeRequest {
  /**
   * 16 kHz mono, -1..1, at most the model's window (30 s): the speech alone, the engine pads. Not to be kept or written
   * to: it may be a view of shared memory.
   */
  readonly audio: Float32Array;
  readonly prompt: DecodePrompt;
  /**
   * The last hypothesis behind `committed`: verified in one parallel pass. The result equals greedy decoding without
   * it.
   */
  readonly draft: readonly number[];
  /**
   * 0: greedy. Above: sampling by the given seed (temperature fallback of the Whisper paper); the draft is not used
   * then.
   */
  readonly temperature: number;
  readonly seed: number;
  /** Not used where it samples. Absent: none. */
  readonly hotwords?: Hotwords | undefined;
  /**
   * The context to pad the window to, samples, one of the model's: that of the run which it joins. Absent: the shortest
   * that holds it.
   */
  readonly context?: number;
  /** Absent: `awaited`. */
  readonly urgency?: Urgency;
  /**
   * Somebody is known to speak in it, so a text without words is less likely than the model takes it to be. Absent: the
   * model judges that alone.
   */
  readonly isSpoken?: boolean;
  /**
   * Whether the model writes timestamps between sentences, which are not told. It leaves out less of several utterances
   * in one window then. The draft is not used. Absent: no.
   */
  readonly timestamps?: boolean;
}

/** A decoded text token. */
export interface DecodedToken {
  readonly id: number;
  /** Natural log of its probability. */
  readonly logprob: number;
  /** Attended encoder frame (20 ms each) in the window. */
  readonly frame: number;
}

export interface DecodeResult {
  /** Text tokens behind `committed`, without <|endoftext|>. */
  readonly tokens: readonly DecodedToken[];
  /**
   * Log-probability of <|endoftext|>; `null` when the token limit ended the decode, or a repetition that is longer than
   * the audio has time for.
   */
  readonly endLogprob: number | null;
  readonly language: string;
  readonly languageProbability: number;
  /** What the model hears, whatever was asked for: the probability of each language of 0.001 and more. */
  readonly languageProbabilities?: LanguageProbabilities;
  readonly noSpeechProbability: number;
  /** How many tokens of the draft were right. */
  readonly draftAccepted: number;
  /** Sequential decoder runs that this window took part in. */
  readonly steps: number;
}

/** Facts of the loaded model that the scheduler and the hypothesis tracking need. */
export interface EngineModel {
  readonly name: string;
  readonly languages: readonly string[];
  readonly isMultilingual: boolean;
  /** Whether the model was trained with previous text as prompt. */
  readonly usesPreviousText: boolean;
  /** Context lengths (samples at 16 kHz, ascending) that windows are padded to. */
  readonly buckets: readonly number[];
  /** Silence that the model wants behind the speech, samples. */
  readonly tailSilenceSamples: number;
  readonly maxTextTokens: number;
  /** Folder of the model: the tokenizer is read from it. */
  readonly directory: string;
}

/** One device with one model loaded. Runs never block the calling thread. */
export interface Engine {
  readonly model: EngineModel;
  /** Largest batch of one run. */
  readonly maxBatch: number;
  /**
   * Most context of one run, samples of all its windows; a single window may be longer. Absent: as `maxBatch` has it.
   */
  readonly samplesMax?: number;
  /**
   * Whether two runs at a time share the device, so that a short one is soon over beside a long one: a CPU, whose
   * threads the operating system runs in turn. Absent or false: one run at a time, a second one waits.
   */
  readonly sharesTime?: boolean;
  /**
   * How many runs it may be handed at once where it does not share its time: it prepares the next one while one is on
   * the device. Absent: 1.
   */
  readonly runsInFlight?: number;
  /**
   * Whether it can take work now; false while it is being brought back after a crash, or when it has lost its device.
   * Absent: always.
   */
  readonly isUp?: boolean;
  /** Decodes windows of one bucket together; a row's result does not depend on the others. Rejects with EngineError. */
  decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]>;
  /** Runs whatever is slower the first time. */
  warmUp(): Promise<void>;
  /** Gives back memory that it keeps for runs to come. Absent: it keeps none. */
  shrink?(): Promise<void>;
  /** Ends running work, then releases everything; may be called twice. */
  close(): Promise<void>;
}

/**
 * The shortest context that holds a window and the silence that the model wants behind it, samples; undefined if it
 * fits none.
 */
export function bucketFor(samples: number, model: EngineModel): number | undefined {
  const longest = model.buckets.at(-1);
  if (longest === undefined || samples > longest) return undefined;
  // A window that fills the longest context goes without its tail of silence.
  return model.buckets.find((bucket) => bucket >= samples + model.tailSilenceSamples) ?? longest;
}
