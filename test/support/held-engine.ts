// A scripted engine whose runs go on when the test says so.
import type { DecodeRequest, DecodeResult } from '../../server/src/asr/engine.js';
import { ScriptedEngine } from './scripted-engine.js';

export class HeldEngine extends ScriptedEngine {
  #held: (() => void)[] = [];
  #onBegun: (() => void)[] = [];

  override async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    const results = await super.decode(batch);
    const released = new Promise<void>((resolve) => this.#held.push(resolve));
    for (const callback of this.#onBegun.splice(0)) callback();
    await released;
    return results;
  }

  /** Resolves when a run has begun that is still held. */
  async begun(): Promise<void> {
    if (this.#held.length === 0) await new Promise<void>((resolve) => this.#onBegun.push(resolve));
  }

  /** Lets the runs that have begun go on. */
  release(): void {
    for (const run of this.#held.splice(0)) run();
  }
}
