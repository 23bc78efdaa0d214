// A polisher that writes what a test wants, when the test wants it.
import type { PolishMode } from '@sotto/protocol';
import type { Polisher, PolishRequest, PolishRun } from '../../server/src/polish/polisher.js';

/** A text that waits for its polish. */
export interface PolishCall {
  readonly request: PolishRequest;
  readonly run: PolishRun;
  answer(text: string): void;
  fail(error: Error): void;
}

export interface ScriptedPolisherOptions {
  /** What it makes of a text at once. Absent: the test answers `calls`. */
  readonly write?: (request: PolishRequest) => string;
  readonly name?: string;
  readonly modes?: readonly PolishMode[];
  readonly languages?: readonly string[];
  readonly concurrency?: number;
}

const MODES = ['standard', 'formal', 'casual', 'concise', 'detailed', 'custom'] as const;

export class ScriptedPolisher implements Polisher {
  readonly name: string;
  readonly modes: readonly PolishMode[];
  readonly languages: readonly string[] | undefined;
  readonly concurrency: number;
  isAvailable = true;
  closed = 0;
  warmUps = 0;
  readonly requests: PolishRequest[] = [];
  /** Those that are not answered yet. */
  readonly calls: PolishCall[] = [];
  readonly #write: ScriptedPolisherOptions['write'];
  #whenCalled: (() => void)[] = [];

  constructor({ write, name = 'scripted', modes = MODES, languages, concurrency = 2 }: ScriptedPolisherOptions = {}) {
    this.#write = write;
    this.name = name;
    this.modes = modes;
    this.languages = languages;
    this.concurrency = concurrency;
  }

  async polish(request: PolishRequest, run: PolishRun): Promise<string> {
    this.requests.push(request);
    if (this.#write !== undefined) {
      const text = this.#write(request);
      // In two pieces, as models write.
      for (const piece of [text.slice(0, 5), text.slice(5)]) run.onText?.(piece);
      return text;
    }
    return new Promise((resolve, reject) => {
      const leave = (how: () => void) => () => {
        this.calls.splice(this.calls.indexOf(call), 1);
        how();
      };
      const call: PolishCall = {
        request,
        run,
        answer: (text) => leave(() => resolve(text))(),
        fail: (error) => leave(() => reject(error))(),
      };
      run.signal.addEventListener(
        'abort',
        leave(() => reject(run.signal.reason as Error)),
        { once: true },
      );
      this.calls.push(call);
      for (const tell of this.#whenCalled.splice(0)) tell();
    });
  }

  /** Resolves with the oldest text that waits. */
  async call(): Promise<PolishCall> {
    for (;;) {
      const [call] = this.calls;
      if (call !== undefined) return call;
      await new Promise<void>((resolve) => this.#whenCalled.push(resolve));
    }
  }

  async warmUp(): Promise<void> {
    this.warmUps++;
  }

  async close(): Promise<void> {
    this.closed++;
  }
}
