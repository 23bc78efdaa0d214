// What a stream said a moment ago, as sound and as tokens: words that are hard to hear alone are easier behind it.
import { SAMPLE_RATE } from '../audio/samples.js';

/**
 * The longest window of utterances before and the one that is heard behind them, samples. On a CPU a window of 16 s
 * takes 0.4 s, which a final would be late; one of 8 s takes half of that, and gains two thirds of the words.
 */
export const CONTEXT_WINDOW_SAMPLES = { cpu: 8 * SAMPLE_RATE, gpu: 16 * SAMPLE_RATE } as const;
/** What is kept of the utterances before, samples: half a megabyte a stream. */
const KEPT_SAMPLES = 14 * SAMPLE_RATE;
/** Sixteen bits hold what a microphone hears. */
const FULL_SCALE = 32_767;

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

type KeptUtterance = Omit<HeardUtterance, 'audio'> & { readonly audio: Int16Array };

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
  #utterances: readonly KeptUtterance[] = [];
  #revision = 0;

  /** Changes with each utterance. */
  get revision(): number {
    return this.#revision;
  }

  add({ audio, ...text }: HeardUtterance): void {
    this.#revision += 1;
    this.#utterances = lastOnes([...this.#utterances, { ...text, audio: toInts(audio) }], KEPT_SAMPLES);
  }

  /** The last utterances in a language, as many as fit into so many samples; undefined where none does. */
  before({ language, task }: TextKind, samples: number): ContextWindow | undefined {
    const isOther = (one: KeptUtterance): boolean => one.language !== language || one.task !== task;
    const since = this.#utterances.findLastIndex(isOther) + 1;
    const last = lastOnes(this.#utterances.slice(since), samples);
    const [first] = last;
    if (first === undefined) return undefined;
    return {
      previous: first.previous,
      audio: joined(last.map(({ audio }) => toFloats(audio))),
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

// Loops: `from` with a function takes a hundred times as long, which the server's thread would spend.
function toInts(samples: Float32Array): Int16Array {
  const ints = new Int16Array(samples.length);
  for (let at = 0; at < ints.length; at++) {
    ints[at] = Math.round(Math.max(-1, Math.min(1, samples[at] ?? 0)) * FULL_SCALE);
  }
  return ints;
}

function toFloats(ints: Int16Array): Float32Array {
  const samples = new Float32Array(ints.length);
  for (let at = 0; at < samples.length; at++) samples[at] = (ints[at] ?? 0) / FULL_SCALE;
  return samples;
}

function lastOnes(utterances: readonly KeptUtterance[], samples: number): readonly KeptUtterance[] {
  let room = samples;
  const tooMany = utterances.findLastIndex(({ audio }) => (room -= audio.length) < 0);
  return utterances.slice(tooMany + 1);
}
