// What a stream said a moment ago, as sound and as tokens: words that are hard to hear alone are easier behind it.
import { SAMPLE_RATE } from '../audio/samples.js';

/**
 * The longest window of utterances before and the one that is heard behind them, samples. On a CPU a window of 16 s
 * takes 0.4 s, which a final would be late; one of 8 s takes half of that, and gains two thirds of the words.
 */
export const CONTEXT_WINDOW_SAMPLES = { cpu: 8 * SAMPLE_RATE, gpu: 16 * SAMPLE_RATE } as const;
/** The shortest utterance, with its pre-roll and hang-over, that may want to be heard behind others, samples. */
const UTTERANCE_SAMPLES_MIN = SAMPLE_RATE;

/** What the text of an utterance is in. */
interface TextKind {
  readonly language: string;
  readonly task: 'transcribe' | 'translate';
}

/** An utterance whose final has words. */
export interface HeardUtterance extends TextKind {
  /** 16 kHz mono; copied. */
  readonly audio: Float32Array;
  readonly tokens: readonly number[];
  /** What it was told of the text before it. */
  readonly previous: readonly number[];
}

/** The utterances that come first in a window: their audio in one piece, and what is said in it. */
export interface ContextWindow {
  readonly audio: Float32Array;
  readonly tokens: readonly number[];
  /** The text before the first of them. */
  readonly previous: readonly number[];
}

/** The last utterances of one stream. */
export class LeftContext {
  /** The oldest first. */
  #utterances: readonly HeardUtterance[] = [];
  #revision = 0;

  /** Changes with each utterance. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * Keeps of the utterances so far what fits into a window of so many samples before a short one: half a megabyte a
   * stream on a CPU, a whole one on a GPU. The samples stay as they are: to make 16 bits of them took the server's
   * thread ten times as long as to copy them.
   */
  add({ audio, ...text }: HeardUtterance, windowSamples: number): void {
    this.#revision += 1;
    const room = windowSamples - UTTERANCE_SAMPLES_MIN;
    const isKept = audio.length <= room;
    this.#utterances = isKept ? lastOnes([...this.#utterances, { ...text, audio: audio.slice() }], room) : [];
  }

  /** The last utterances in a language, as many as fit into so many samples; undefined where none does. */
  before({ language, task }: TextKind, samples: number): ContextWindow | undefined {
    const isOther = (one: HeardUtterance): boolean => one.language !== language || one.task !== task;
    const since = this.#utterances.findLastIndex(isOther) + 1;
    const last = lastOnes(this.#utterances.slice(since), samples);
    const [first] = last;
    if (first === undefined) return undefined;
    return {
      previous: first.previous,
      audio: joined(last.map(({ audio }) => audio)),
      tokens: last.flatMap(({ tokens }) => tokens),
    };
  }
}

/** Audio in one piece. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function lastOnes(utterances: readonly HeardUtterance[], samples: number): readonly HeardUtterance[] {
  let room = samples;
  const tooMany = utterances.findLastIndex(({ audio }) => (room -= audio.length) < 0);
  return utterances.slice(tooMany + 1);
}
