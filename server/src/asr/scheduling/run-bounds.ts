// What a run may hold: how many windows, of how much audio, and which of those that wait, where the engine is free and
// where it is still busy.
import type { Lane, TakeOptions, WindowsMax } from './decode-queue.js';
import type { EngineSlot } from './engine-slot.js';
import type { LoadMeter } from './load-meter.js';

/** What the queue is asked for; see DecodeQueue's `take`. */
export type RunBound = readonly [WindowsMax, TakeOptions];

/**
 * How long before an engine is done the next run is handed to it, milliseconds: what it takes to gather a batch, bring
 * it to the engine's process and lay it out there, and what a busy server's thread takes to come to that. With 15 a GPU
 * stood still for 12 ms of 43 between runs of 600 streams; where the thread has time the longer lead costs finals 10
 * ms.
 */
const HAND_OVER_MS = 30;
/** On a GPU a run's fixed part is most of it: see TakeOptions. */
const FINALS_PADDED = 2;

export class RunBounds {
  readonly #load: LoadMeter;
  /** Which part of their ordinary size runs may have, where memory is short. */
  memoryShare = 1;

  constructor(load: LoadMeter) {
    this.#load = load;
  }

  /**
   * For an engine that is free, or that another run may begin beside.
   *
   * @param share most windows: free engines share what waits
   */
  whereFree(slot: EngineSlot, share: number, now: number): RunBound {
    const { engine, hasFailed } = slot;
    const memoryShare = this.#memoryShareOf(slot);
    const batchMax = Math.max(1, Math.floor(memoryShare * engine.maxBatch));
    const most = Math.min(hasFailed ? 1 : batchMax, share);
    return [
      this.#windows((lane) => Math.min(most, this.#load.windowsPerRun(lane, now))),
      {
        isBeside: slot.isBusy,
        moreUrgentThan: slot.urgency,
        samplesMax: memoryShare * (engine.samplesMax ?? Infinity),
        ...onlyWhereRunsWait(slot, now),
      },
    ];
  }

  /**
   * For an engine that is busy and takes another run. Shortly before it is done, whatever waits: hardly anything could
   * still join it. Before that a full one or none; and since whoever comes then waits for all that is under way,
   * together it must be over as soon as a single run has to be.
   */
  whereBusy(slot: EngineSlot, now: number): RunBound | undefined {
    const { engine, windows, expectedEnd } = slot;
    const { maxBatch } = engine;
    const options = { isBeside: true, ...onlyWhereRunsWait(slot, now) };
    if (expectedEnd !== undefined && now >= expectedEnd - HAND_OVER_MS) {
      return [this.#windows((lane) => Math.min(maxBatch, this.#load.windowsPerRun(lane, now))), options];
    }
    const fits = (lane: Lane): boolean => windows + maxBatch <= this.#load.windowsPerRun(lane, now);
    if (!fits('live')) return undefined;
    return [
      { live: maxBatch, file: fits('file') ? maxBatch : 0 },
      { ...options, windowsMin: maxBatch },
    ];
  }

  #windows(most: (lane: Lane) => number): WindowsMax {
    return { live: most('live'), file: most('file') };
  }

  /** A GPU has memory of its own. */
  #memoryShareOf({ engine }: EngineSlot): number {
    return engine.sharesTime === true ? this.memoryShare : 1;
  }
}

/** How long until a busy engine that takes another run is nearly done, milliseconds; undefined where nobody knows. */
export function untilHandOver({ takesNext, expectedEnd }: EngineSlot, now: number): number | undefined {
  if (!takesNext || expectedEnd === undefined) return undefined;
  // A timer may come up to a millisecond early.
  return Math.max(0, Math.ceil(expectedEnd - HAND_OVER_MS - now) + 1);
}

/**
 * Where runs share the device, a final begins beside them, and what a partial takes is taken from finals: there these
 * go first, however late it is. Where one run waits for the other, late partials have a turn, and finals share runs.
 */
function onlyWhereRunsWait({ engine }: EngineSlot, now: number): Pick<TakeOptions, 'overdueBefore' | 'finalsPadded'> {
  return engine.sharesTime === true ? {} : { overdueBefore: now, finalsPadded: FINALS_PADDED };
}
