// The transcripts that are kept: written while words come, found by id, by time and by their words, and forgotten in
// time.
import { withPrefix, type KeyValueStore, type StoreChange } from '../store/key-value-store.js';
import { Records } from '../store/records.js';
import { mentions, normalize, parseQuery, termsOf, type SearchQuery } from './search-terms.js';
import {
  idOfTimeKey,
  SEGMENTS_MAX,
  timeKey,
  timePrefix,
  type KeptSegment,
  type TranscriptRecord,
} from './transcript.js';

/** Segments read or removed in one step. */
const STEP_SEGMENTS = 200;
/** Changes of one commit while a transcript is removed. */
const STEP_CHANGES = 1_000;
/** Transcripts looked at in one sweep: sweeping is never in the way of anything. */
export const SWEEP_MAX = 100;
/** Transcripts that one word of a search is looked up in, the newest. */
export const SEARCHED_MAX = 10_000;
/** Transcripts read to find one page of results. */
const READ_MAX = 200;
/** Segments shown of one result. */
const MATCHES_MAX = 3;

export interface TranscriptsOptions {
  readonly store: KeyValueStore;
  /** How long a transcript is kept after its last word, milliseconds. */
  readonly retentionMs: number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

/** Whether a record may be shown. */
export type IsVisible = (record: Pick<TranscriptRecord, 'owner'>) => boolean;

const ALL: IsVisible = () => true;

export interface Page {
  readonly limit: number;
  /** `next` of the page before. */
  readonly before?: string | undefined;
}

export interface TranscriptPage<T> {
  readonly items: readonly T[];
  /** Where the next page begins; undefined: there is none. */
  readonly next: string | undefined;
}

export interface SearchResult {
  readonly record: TranscriptRecord;
  /** The first segments that the query is found in. */
  readonly matches: readonly KeptSegment[];
}

/** All methods reject with StoreError where the store fails. */
export class Transcripts {
  readonly #options: TranscriptsOptions;
  readonly #store: KeyValueStore;
  readonly #records: Records<TranscriptRecord>;
  readonly #segments: Records<KeptSegment>;
  /** Where the next sweep goes on. */
  #sweptTo = '';

  constructor(options: TranscriptsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#records = new Records(options.store, 'transcripts');
    this.#segments = new Records(options.store, 'segments');
  }

  get wallNow(): () => number {
    return this.#options.wallNow;
  }

  /**
   * Writes a transcript as it is now, with segments that are new or have changed. `before` is what was written last,
   * undefined for a new one. False: it is not there any more, somebody has deleted it.
   */
  async write(
    record: TranscriptRecord,
    segments: readonly KeptSegment[],
    before: TranscriptRecord | undefined,
  ): Promise<boolean> {
    const byTime = timeKey(record);
    const terms = new Set<string>();
    for (const { text, polished = '' } of segments) for (const term of termsOf(`${text} ${polished}`)) terms.add(term);
    if (record.polished !== before?.polished) for (const term of termsOf(record.polished ?? '')) terms.add(term);
    return this.#store.commit(
      [
        this.#records.change(record.id, record),
        ...(before === undefined ? [mark('transcriptsByTime', byTime)] : []),
        ...segments.map((segment) => this.#segments.change(segmentKey(record.id, segment.segmentId), segment)),
        ...[...terms].map((term) => mark('postings', postingKey(term, byTime))),
      ],
      [this.#records.change(record.id, before)],
    );
  }

  async get(id: string): Promise<TranscriptRecord | undefined> {
    const record = await this.#records.get(id);
    return record !== undefined && this.#isThere(record) ? record : undefined;
  }

  /** The segments of a transcript, in order. */
  async *segments(id: string): AsyncGenerator<KeptSegment, void, undefined> {
    let range = withPrefix(`${id}/`, STEP_SEGMENTS);
    for (;;) {
      const step = await this.#segments.values(range);
      yield* step;
      const last = step.at(-1);
      if (last === undefined || step.length < STEP_SEGMENTS) return;
      range = { ...range, from: `${segmentKey(id, last.segmentId)}\0` };
    }
  }

  /**
   * Goes on with a transcript that another process wrote, which can write it no more: from segment `from` on it is told
   * anew. Resolves with what is left, and the ids of its segments; undefined: it is not there any more.
   */
  async takeOver(
    id: string,
    from: number,
  ): Promise<{ readonly record: TranscriptRecord; readonly segmentIds: readonly number[] } | undefined> {
    for (;;) {
      const before = await this.get(id);
      if (before === undefined) return undefined;
      const ids = await this.#segmentIds(id);
      const segmentIds = ids.filter((segmentId) => segmentId < from);
      const moves = (before.moves ?? 0) + 1;
      const record: TranscriptRecord = { ...before, state: 'live', moves, segments: segmentIds.length };
      const gone = ids.filter((segmentId) => segmentId >= from);
      const isTaken = await this.#store.commit(
        [
          this.#records.change(id, record),
          ...gone.map((segmentId) => this.#segments.change(segmentKey(id, segmentId), undefined)),
        ],
        [this.#records.change(id, before)],
      );
      if (isTaken) return { record, segmentIds };
    }
  }

  /** Some segments of a transcript. */
  segmentsFrom(id: string, from: number, to: number): Promise<KeptSegment[]> {
    return this.#segments.values({ from: segmentKey(id, from), to: segmentKey(id, to), limit: to - from });
  }

  async #segmentIds(id: string): Promise<number[]> {
    const keys = await this.#store.keys('segments', withPrefix(`${id}/`, SEGMENTS_MAX));
    return keys.map((key) => Number(key.slice(id.length + 1)));
  }

  async allSegments(id: string): Promise<KeptSegment[]> {
    const all: KeptSegment[] = [];
    for await (const segment of this.segments(id)) all.push(segment);
    return all;
  }

  /**
   * The newest first. Where not all is visible a page may hold fewer than its limit, and there be a next one all the
   * same.
   */
  async list({ limit, before }: Page, isVisible: IsVisible = ALL): Promise<TranscriptPage<TranscriptRecord>> {
    const items: TranscriptRecord[] = [];
    let from = before;
    for (let read = 0; read < READ_MAX; read += limit) {
      const page = await this.#page({ limit: limit - items.length, before: from });
      items.push(...page.items.filter(isVisible));
      from = page.next;
      if (from === undefined || items.length === limit) break;
    }
    return { items, next: from };
  }

  async #page({ limit, before }: Page): Promise<TranscriptPage<TranscriptRecord>> {
    const keys = await this.#store.keys('transcriptsByTime', { ...newestFirst(before), limit: limit + 1 });
    const page = keys.slice(0, limit);
    const records = await this.#records.getMany(page.map(idOfTimeKey));
    return {
      items: records.filter((record) => record !== undefined && this.#isThere(record)) as TranscriptRecord[],
      next: keys.length > limit ? page.at(-1) : undefined,
    };
  }

  /** Transcripts with all words of a query, the newest first; of its last word the beginning is enough. */
  async search(
    text: string,
    { limit, before }: Page,
    isVisible: IsVisible = ALL,
  ): Promise<TranscriptPage<SearchResult>> {
    const query = parseQuery(text);
    const candidates = (await this.#candidates(query)).filter((key) => before === undefined || key < before);
    const items: SearchResult[] = [];
    let read = 0;
    for (const key of candidates) {
      if (items.length === limit || read === READ_MAX) {
        return { items, next: candidates[read - 1] };
      }
      read++;
      const record = await this.get(idOfTimeKey(key));
      if (record === undefined || !isVisible(record)) continue;
      const matches = await this.#matches(record, query);
      if (matches !== undefined) items.push({ record, matches });
    }
    return { items, next: undefined };
  }

  /** Removes a transcript with its words; false: there is none. */
  async delete(id: string): Promise<boolean> {
    const record = await this.#records.get(id);
    if (record === undefined) return false;
    const wasThere = this.#isThere(record);
    if (record.state !== 'deleting') {
      const gone = await this.#records.update(id, (it) => ({ ...it, state: 'deleting' }));
      if (gone === undefined) return false;
    }
    await this.#remove(record);
    return wasThere;
  }

  /** Removes some of what is too old, and goes on where it was the next time. */
  async sweep(): Promise<void> {
    const oldest = this.#options.wallNow() - this.#options.retentionMs;
    const range = { from: this.#sweptTo, to: timePrefix(oldest), limit: SWEEP_MAX };
    const keys = this.#sweptTo < range.to ? await this.#store.keys('transcriptsByTime', range) : [];
    const last = keys.at(-1);
    this.#sweptTo = last === undefined || keys.length < SWEEP_MAX ? '' : `${last}\0`;
    const records = await this.#records.getMany(keys.map(idOfTimeKey));
    const old = records.filter((record) => record !== undefined && !this.#isThere(record)) as TranscriptRecord[];
    // Side by side: the store writes together what comes together.
    await Promise.all(old.map(({ id }) => this.delete(id)));
  }

  /**
   * After a start, where no other process writes: what was live is not any more, and what was being deleted is removed.
   *
   * @param before milliseconds since 1970: what began since then is this process' own
   */
  async recover(before?: number): Promise<void> {
    const to = before === undefined ? {} : { to: timePrefix(before) };
    let range = { from: '', ...to, limit: SWEEP_MAX };
    for (;;) {
      const entries = await this.#store.keys('transcriptsByTime', range);
      for (const record of await this.#records.getMany(entries.map(idOfTimeKey))) {
        if (record?.state === 'deleting') await this.delete(record.id);
        if (record?.state !== 'live' || record.source === 'job') continue;
        await this.#records.update(record.id, (it) => ({ ...it, state: 'interrupted' }));
      }
      const last = entries.at(-1);
      if (last === undefined || entries.length < SWEEP_MAX) return;
      range = { ...range, from: `${last}\0` };
    }
  }

  #isThere({ state, updatedAt }: TranscriptRecord): boolean {
    return state !== 'deleting' && updatedAt + this.#options.retentionMs > this.#options.wallNow();
  }

  async #candidates({ terms, prefix }: SearchQuery): Promise<string[]> {
    const lists = await Promise.all([
      ...terms.map((term) => this.#store.keys('postings', withPrefix(postingKey(term, ''), SEARCHED_MAX, true))),
      ...(prefix === undefined ? [] : [this.#store.keys('postings', withPrefix(prefix, SEARCHED_MAX, true))]),
    ]);
    const [first = [], ...others] = lists.map((keys) => new Set(keys.map((key) => key.slice(key.indexOf('\0') + 1))));
    return [...first].filter((key) => others.every((other) => other.has(key))).sort((a, b) => (a < b ? 1 : -1));
  }

  /** Segments that the query is found in; undefined where a phrase is in none. */
  async #matches(record: TranscriptRecord, query: SearchQuery): Promise<KeptSegment[] | undefined> {
    const missing = new Set(query.phrases);
    const matches: KeptSegment[] = [];
    const lookAt = (text: string): void => {
      if (missing.size === 0) return;
      const normalized = normalize(text);
      for (const phrase of missing) if (normalized.includes(phrase)) missing.delete(phrase);
    };
    lookAt(record.polished ?? '');
    for await (const segment of this.segments(record.id)) {
      const text = `${segment.text} ${segment.polished ?? ''}`;
      lookAt(text);
      if (matches.length < MATCHES_MAX && mentions(text, query)) matches.push(segment);
      if (missing.size === 0 && matches.length === MATCHES_MAX) break;
    }
    return missing.size === 0 ? matches : undefined;
  }

  /** The words first and the record last: what breaks off on the way is found and gone on with. */
  async #remove(record: TranscriptRecord): Promise<void> {
    const byTime = timeKey(record);
    await this.#removePostings(termsOf(record.polished ?? ''), byTime);
    const range = withPrefix(`${record.id}/`, STEP_SEGMENTS);
    for (;;) {
      const step = await this.#segments.values(range);
      if (step.length === 0) break;
      await this.#removePostings(
        termsOf(step.map(({ text, polished = '' }) => `${text} ${polished}`).join(' ')),
        byTime,
      );
      await this.#store.commit(
        step.map(({ segmentId }) => this.#segments.change(segmentKey(record.id, segmentId), undefined)),
      );
    }
    await this.#store.commit([
      this.#records.change(record.id, undefined),
      { map: 'transcriptsByTime', key: byTime, value: undefined },
    ]);
  }

  async #removePostings(terms: ReadonlySet<string>, byTime: string): Promise<void> {
    const keys = [...terms].map((term) => postingKey(term, byTime));
    for (let at = 0; at < keys.length; at += STEP_CHANGES) {
      const step = keys.slice(at, at + STEP_CHANGES);
      await this.#store.commit(step.map((key) => ({ map: 'postings', key, value: undefined })));
    }
  }
}

const NOTHING = new Uint8Array();

function mark(map: StoreChange['map'], key: string): StoreChange {
  return { map, key, value: NOTHING };
}

function segmentKey(id: string, segmentId: number): string {
  return `${id}/${String(segmentId).padStart(8, '0')}`;
}

function postingKey(term: string, byTime: string): string {
  return `${term}\0${byTime}`;
}

function newestFirst(before: string | undefined) {
  // The key itself was on the page before.
  return before === undefined
    ? { reverse: true }
    : { reverse: true, from: `${before.slice(0, -1)}${previous(before)}` };
}

function previous(key: string): string {
  return `${String.fromCharCode(key.charCodeAt(key.length - 1) - 1)}\u{10ffff}`;
}
