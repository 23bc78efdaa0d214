// The final of a segment that may end, decoded before the segment has ended.
import type { DecodeResult } from './engine.js';

/** Finals that were decoded early. */
export interface EarlyFinalCounts {
  readonly begun: number;
  readonly used: number;
}

/** Counts for all segments together. */
export type EarlyFinalTally = { -readonly [count in keyof EarlyFinalCounts]: number };

/** Undefined where it came to nothing: superseded, dropped, or failed. */
type Outcome = Promise<DecodeResult | undefined>;

/** Begins a decode, and calls `onBegin` when an engine takes it. */
type Decode = (onBegin: () => void) => Outcome;

/** What a final hears: how much audio, behind which tokens. */
interface Heard {
  readonly samples: number;
  readonly previous: readonly number[];
}

/** A decode that is begun before anybody waits for it. */
export class EarlyDecode {
  readonly result: Outcome;
  #isUnderWay = false;

  constructor(decode: Decode) {
    this.result = decode(() => {
      this.#isUnderWay = true;
    });
  }

  /** One that an engine has not taken yet is not waited for: what is asked for now goes first. */
  get taken(): Outcome | undefined {
    return this.#isUnderWay ? this.result : undefined;
  }
}

/** A segment's final where it may end. */
export class EarlyFinal extends EarlyDecode {
  readonly heard: Heard;
  /** The same behind what was said before, where alone it was unclear; `revision`: of the left context. */
  inContext: { readonly revision: number; readonly decode: EarlyDecode } | undefined;

  constructor(heard: Heard, decode: Decode) {
    super(decode);
    this.heard = heard;
  }

  /**
   * Its outcome, if it hears the same; it may have been told another text before it, where a final had not come yet.
   */
  takenFor({ samples, previous }: Heard): Outcome | undefined {
    const isSame = samples === this.heard.samples && previous.join() === this.heard.previous.join();
    return isSame ? this.taken : undefined;
  }

  takenInContext(samples: number, revision: number): Outcome | undefined {
    const isSame = samples === this.heard.samples && revision === this.inContext?.revision;
    return isSame ? this.inContext?.decode.taken : undefined;
  }
}
