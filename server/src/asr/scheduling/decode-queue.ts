// What waits for an engine and what goes next: the scheduler's decisions, free of time and of engines.
import { isMoreUrgent, type Urgency } from '../engine.js';

/**
 * In order of priority; live ones that nobody waits for now come behind those. A `final` ends a live segment, a
 * `partial` previews it, a `file` is not live at all.
 */
export type DecodeKind = 'final' | 'partial' | 'file';

export const KINDS = ['final', 'partial', 'file'] as const satisfies readonly DecodeKind[];

/** What a segment is known by: its owner's object. */
export type SegmentKey = object;

/** A decode that waits. */
export interface QueuedDecode {
  readonly segment: SegmentKey;
  readonly kind: DecodeKind;
  /** Whether anybody waits for it now; it gives way to others while nobody does. Absent: yes. */
  readonly isAttended?: (() => boolean) | undefined;
  /** When it should be done, milliseconds of the scheduler's clock: the order within a kind. */
  deadline: number;
  /** The context that the window is padded to, samples; windows of different buckets never share a run. */
  readonly bucket: number;
  /**
   * Set after a failure: it then runs in a batch of its own, so that a window that fells the engine fells nobody
   * else's.
   */
  alone: boolean;
  /**
   * A final that has a text already and is decoded again: it begins no run while anything else of somebody live could,
   * but joins one of its own context or a longer one, before all others. Absent: false.
   */
  readonly isAgain?: boolean;
  /** Of a partial that has words already: `refining`. Absent: as its kind has it, see {@link urgencyOf}. */
  readonly urgency?: Urgency | undefined;
}

/** What is decoded again has a text already. */
export function urgencyOf({ kind, isAgain, urgency }: QueuedDecode): Urgency {
  if (kind === 'file') return 'unhurried';
  return urgency ?? (isAgain === true ? 'refining' : 'awaited');
}

/** What is live and what is not. */
export type Lane = 'live' | 'file';

export const laneOf = (kind: DecodeKind): Lane => (kind === 'file' ? 'file' : 'live');

/** How many windows of each lane a run may hold; 0: none. */
export type WindowsMax = Readonly<Record<Lane, number>>;

/** What a batch may hold beyond how many windows. */
export interface TakeOptions {
  /**
   * Whether another run goes on meanwhile that its failure might take along: decodes that are to run alone then wait.
   * Default: false.
   */
  readonly isBeside?: boolean;
  /** Only decodes that are more urgent than this. Default: all. */
  readonly moreUrgentThan?: Urgency | undefined;
  /** Fewer are left where they are. Default: 1. */
  readonly windowsMin?: number;
  /** Most context of all its windows together; a single one may be longer. Default: no bound. */
  readonly samplesMax?: number;
  /**
   * Partials of an earlier deadline may begin a run before finals that are not overdue themselves. Where runs are short
   * and many finals come, each run begins with one, and partials of other contexts would wait on and on. Default: none.
   */
  readonly overdueBefore?: number;
  /**
   * Finals join runs of up to so many times their own context, before all but what is decoded again: where runs are
   * short and many, what padding costs is less than what each final waits for a run of its own. Default 1: none do.
   */
  readonly finalsPadded?: number;
}

/** How much may wait. */
export interface QueueBounds {
  /** Waiting partials; beyond it the one with the oldest deadline is dropped (its segment will ask again). */
  readonly partialsMax: number;
  /** Waiting finals; beyond it a new one is refused. */
  readonly finalsMax: number;
  /** Waiting file windows; beyond it a new one is refused. */
  readonly filesMax: number;
}

/**
 * Live windows: one for each of as many streams as the GPUs of one server may carry, since all of them may end in one
 * moment. What waits is a view of audio that is there anyway.
 */
export const QUEUE_BOUNDS = { partialsMax: 2_048, finalsMax: 2_048, filesMax: 64 } as const satisfies QueueBounds;

/** What adding a decode did to the queue. */
export type Added<D> =
  | { readonly refused: true }
  | { readonly refused: false; readonly superseded: D[]; readonly dropped: D[] };

/** Decodes in the order in which engines should take them. */
export class DecodeQueue<D extends QueuedDecode> {
  /** Per kind, by deadline; equal deadlines in order of arrival. */
  readonly #waiting: Record<DecodeKind, D[]> = { final: [], partial: [], file: [] };
  /** What waits of each segment; of partials at most one. */
  readonly #bySegment = new Map<SegmentKey, Set<D>>();
  /** Segments with a partial under way: their next one waits, since it builds on the outcome. */
  readonly #running = new Set<SegmentKey>();

  readonly #bounds: QueueBounds;

  constructor(bounds: QueueBounds = QUEUE_BOUNDS) {
    this.#bounds = bounds;
  }

  /** How many decodes of a kind wait. */
  waiting(kind: DecodeKind): number {
    return this.#waiting[kind].length;
  }

  /** How many decodes wait. */
  get size(): number {
    return KINDS.reduce((sum, kind) => sum + this.#waiting[kind].length, 0);
  }

  /** Whether a decode could be taken now. */
  get hasWork(): boolean {
    return KINDS.some((kind) => this.#waiting[kind].some((decode) => this.#mayRun(decode)));
  }

  /**
   * Takes a decode in. A partial supersedes the waiting partial of its segment and keeps that one's place, so that a
   * stream which asks often is not served later for it; a final supersedes it too.
   */
  add(decode: D): Added<D> {
    if (decode.kind !== 'partial' && this.#waiting[decode.kind].length >= this.#bound(decode.kind))
      return { refused: true };
    const superseded: D[] = [];
    const older = this.#partialOf(decode.segment);
    if (older && decode.kind !== 'file') {
      this.#remove(older);
      superseded.push(older);
      if (decode.kind === 'partial') decode.deadline = Math.min(decode.deadline, older.deadline);
    }
    this.#insert(decode);
    const dropped: D[] = [];
    while (this.#waiting.partial.length > this.#bounds.partialsMax) {
      const oldest = this.#waiting.partial[0] as D;
      this.#remove(oldest);
      dropped.push(oldest);
    }
    return { refused: false, superseded, dropped };
  }

  /**
   * Puts a decode whose run failed back, to run alone. It is refused to nobody: its place was granted before. False
   * where a newer partial of its segment waits already.
   */
  retry(decode: D): boolean {
    if (decode.kind === 'partial' && this.#partialOf(decode.segment) !== undefined) return false;
    decode.alone = true;
    this.#insert(decode);
    return true;
  }

  /**
   * The next batch: the first decode by kind and deadline, and those of the same bucket that come next in that order.
   * Live windows and windows of files never share one: where each costs time, files would lengthen the very run that
   * somebody waits for. Its partials are under way until {@link done}.
   * @param windowsMax how many live windows, or how many windows of files, it may hold
   */
  take(windowsMax: WindowsMax, options: TakeOptions = {}): D[] {
    const { isBeside = false, moreUrgentThan, windowsMin = 1, samplesMax = Infinity } = options;
    const { overdueBefore = -Infinity, finalsPadded = 1 } = options;
    const isUrgent = (decode: D): boolean =>
      moreUrgentThan === undefined || isMoreUrgent(urgencyOf(decode), moreUrgentThan);
    const order = [...this.#inOrder()].filter(isUrgent);
    const mayBegin = (decode: D): boolean =>
      windowsMax[laneOf(decode.kind)] > 0 && this.#mayRun(decode) && !(decode.alone && isBeside);
    const first = order.find(mayBegin);
    if (first === undefined) return [];
    const isInTime = first.kind === 'final' && first.deadline >= overdueBefore;
    const late = (decode: D): boolean =>
      decode.kind === 'partial' && decode.deadline < overdueBefore && isAttended(decode) && mayBegin(decode);
    const head = (isInTime ? order.find(late) : undefined) ?? first;
    const batch = [head];
    const most = Math.min(windowsMax[laneOf(head.kind)], samplesMax / head.bucket);
    for (const decode of head.alone ? [] : this.#joining(head, order, finalsPadded)) {
      if (batch.length + 1 > most) break;
      batch.push(decode);
    }
    if (batch.length < windowsMin) return [];
    for (const decode of batch) {
      this.#remove(decode);
      if (decode.kind === 'partial') this.#running.add(decode.segment);
    }
    return batch;
  }

  /** When the first of the finals that somebody waits for should be done; undefined where none waits. */
  get nextFinal(): number | undefined {
    return this.#waiting.final.find((decode) => isAttended(decode) && decode.isAgain !== true)?.deadline;
  }

  /** The run of a taken decode is over, well or not. */
  done(decode: D): void {
    if (decode.kind === 'partial') this.#running.delete(decode.segment);
  }

  /** Takes out everything that waits for a segment. */
  cancel(segment: SegmentKey): D[] {
    const cancelled = [...(this.#bySegment.get(segment) ?? [])];
    for (const decode of cancelled) this.#remove(decode);
    return cancelled;
  }

  /** Takes out everything. */
  clear(): D[] {
    const all = KINDS.flatMap((kind) => this.#waiting[kind].splice(0));
    this.#bySegment.clear();
    return all;
  }

  #partialOf(segment: SegmentKey): D | undefined {
    for (const decode of this.#bySegment.get(segment) ?? []) if (decode.kind === 'partial') return decode;
    return undefined;
  }

  *#inOrder(): Generator<D, void, undefined> {
    const { final, partial, file } = this.#waiting;
    const first = final.filter(({ isAgain }) => isAgain !== true);
    const again = final.filter(({ isAgain }) => isAgain === true);
    const rows = [first, partial, again];
    for (const isWanted of [true, false]) {
      for (const row of rows) for (const decode of row) if (isAttended(decode) === isWanted) yield decode;
    }
    yield* file;
  }

  /** What may share the run that a decode begins, in order. */
  *#joining(head: D, order: readonly D[], finalsPadded: number): Generator<D, void, undefined> {
    const lane = laneOf(head.kind);
    const fits = (decode: D): boolean => decode !== head && !decode.alone && this.#mayRun(decode);
    const isFinal = ({ kind, isAgain, bucket }: D): boolean =>
      kind === 'final' && isAgain !== true && bucket < head.bucket && head.bucket <= bucket * finalsPadded;
    if (lane === 'live') {
      for (const decode of order) {
        if (decode.isAgain === true && decode.bucket <= head.bucket && fits(decode)) yield decode;
      }
      for (const decode of order) if (isFinal(decode) && fits(decode)) yield decode;
    }
    for (const decode of order) {
      if (laneOf(decode.kind) !== lane || decode.isAgain === true) continue;
      if (decode.bucket === head.bucket && fits(decode)) yield decode;
    }
  }

  #mayRun(decode: D): boolean {
    return decode.kind !== 'partial' || !this.#running.has(decode.segment);
  }

  #bound(kind: 'final' | 'file'): number {
    return kind === 'final' ? this.#bounds.finalsMax : this.#bounds.filesMax;
  }

  #insert(decode: D): void {
    const list = this.#waiting[decode.kind];
    // From the back: deadlines mostly come in order.
    let at = list.length;
    while (at > 0 && (list[at - 1] as D).deadline > decode.deadline) at -= 1;
    list.splice(at, 0, decode);
    const ofSegment = this.#bySegment.get(decode.segment) ?? new Set();
    this.#bySegment.set(decode.segment, ofSegment.add(decode));
  }

  #remove(decode: D): void {
    const list = this.#waiting[decode.kind];
    const at = list.indexOf(decode);
    if (at >= 0) list.splice(at, 1);
    const ofSegment = this.#bySegment.get(decode.segment);
    ofSegment?.delete(decode);
    if (ofSegment?.size === 0) this.#bySegment.delete(decode.segment);
  }
}

function isAttended(decode: QueuedDecode): boolean {
  return decode.isAttended?.() ?? true;
}
