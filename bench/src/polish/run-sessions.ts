// Sessions that polish one final after the other, all at the same time: what each waits, and what the model gives.
import type { Polisher, PolishRequest } from '@sotto/server';

export interface SessionsRun {
  /** From a final to its polished text, milliseconds. */
  readonly latencies: readonly number[];
  /** From a final to the first piece of its text, milliseconds. */
  readonly firstPieces: readonly number[];
  /** Pieces that the model told: a token each, for a GGUF model. */
  readonly pieces: number;
  readonly failures: number;
  readonly wallMs: number;
}

/**
 * `sessions` sessions with `texts` each. Every session has its next final as soon as the one before is polished: the
 * model is never without work.
 * @param atOnce texts that the model gets at the same time; the rest wait, in their order
 */
export async function runSessions(
  polisher: Polisher,
  texts: readonly string[],
  { sessions, perSession, atOnce }: { readonly sessions: number; readonly perSession: number; readonly atOnce: number },
): Promise<SessionsRun> {
  const latencies: number[] = [];
  const firstPieces: number[] = [];
  let pieces = 0;
  let failures = 0;
  const gate = new Gate(atOnce);
  const startedAt = performance.now();
  const session = async (number: number): Promise<void> => {
    for (let turn = 0; turn < perSession; turn++) {
      const text = texts[(number * perSession + turn) % texts.length] ?? '';
      const since = performance.now();
      let hasBegun = false;
      const onText = (): void => {
        if (!hasBegun) firstPieces.push(performance.now() - since);
        hasBegun = true;
        pieces++;
      };
      await gate.enter();
      try {
        await polisher.polish(requestOf(text), { signal: new AbortController().signal, onText });
        latencies.push(performance.now() - since);
      } catch {
        failures++;
      } finally {
        gate.leave();
      }
    }
  };
  await Promise.all(Array.from({ length: sessions }, (_, number) => session(number)));
  return { latencies, firstPieces, pieces, failures, wallMs: performance.now() - startedAt };
}

function requestOf(text: string): PolishRequest {
  return {
    text,
    previous: '',
    mode: 'standard',
    instruction: '',
    language: 'en',
    script: undefined,
    paragraphs: false,
  };
}

/** Lets so many in at a time, first come, first served. */
class Gate {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(places: number) {
    this.#free = places;
  }

  async enter(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
