// The captions of a running session as WebVTT: all of it so far, and as a rolling HLS subtitle playlist.
import { cuesOf, type Cue, type TranscriptSegment } from './cues.js';
import { webVtt } from './web-vtt.js';

/** Length of one HLS segment. */
export const SEGMENT_MS = 4_000;
/** Segments that the playlist lists; players start three from its end (RFC 8216, 6.3.3). */
export const WINDOW_SEGMENTS = 10;
/** Cues kept, about ten hours of speech; beyond it the oldest are forgotten. */
export const CUES_MAX = 10_000;
/**
 * An utterance begins up to this long before it is found: its pre-roll and onset. One that begins even earlier has its
 * first cue shortened.
 */
const ONSET_MS = 1_000;

/**
 * RFC 8216, 3.5: where time zero of the cues lies on the clock of the video, whose transport stream ticks 90,000 times
 * a second.
 */
export const MPEGTS_MAX = 2 ** 33 - 1;

export interface LiveCaptionsOptions {
  /** Milliseconds since 1970, for EXT-X-PROGRAM-DATE-TIME. */
  readonly wallNow: () => number;
}

/**
 * A segment is listed when nothing in it can change any more: when its audio has been heard and every utterance that
 * begins in it has its final. All times are milliseconds since the first sample of the stream.
 */
export class LiveCaptions {
  readonly #options: LiveCaptionsOptions;
  /** Finals not yet cut into cues: that waits until somebody asks for captions, which most sessions never see. */
  readonly #uncut: { readonly final: TranscriptSegment; readonly notBeforeMs: number }[] = [];
  readonly #cues: Cue[] = [];
  /** Where the utterances begin that have no final yet. */
  readonly #open = new Map<number, number>();
  #heardMs = 0;
  /** End of the last final. */
  #spokenMs = 0;
  /** Wall-clock time of the first sample. */
  #startedAt: number | undefined;
  #listed = 0;
  #hasEnded = false;
  #document: string | undefined;

  constructor(options: LiveCaptionsOptions) {
    this.#options = options;
  }

  /** Audio up to here has been judged. */
  heard(ms: number): void {
    this.#startedAt ??= this.#options.wallNow() - ms;
    this.#heardMs = Math.max(this.#heardMs, ms);
    this.#list();
  }

  /** An utterance has begun. */
  open(segmentId: number, startMs: number): void {
    this.#open.set(segmentId, startMs);
  }

  /** An utterance has its final, or none can be had. */
  settle(segmentId: number, final?: TranscriptSegment): void {
    this.#open.delete(segmentId);
    if (final !== undefined && final.text.trim() !== '') this.#add(final);
    this.#list();
  }

  /** Nothing more comes: the rest is listed, and the playlist closed. */
  end(): void {
    this.#hasEnded = true;
    this.#open.clear();
    this.#listed = Math.max(this.#listed, Math.ceil(Math.max(this.#heardMs, this.#spokenMs) / SEGMENT_MS));
  }

  /** All cues so far, as one file. */
  get document(): string {
    this.#document ??= webVtt(this.#allCues());
    return this.#document;
  }

  /** The media playlist. `query` is repeated on the address of each segment. */
  playlist(query = ''): string {
    const first = Math.max(0, this.#listed - WINDOW_SEGMENTS);
    const lines = ['#EXTM3U', '#EXT-X-VERSION:3', `#EXT-X-TARGETDURATION:${SEGMENT_MS / 1_000}`];
    lines.push(`#EXT-X-MEDIA-SEQUENCE:${first}`);
    if (this.#startedAt !== undefined) {
      const date = new Date(this.#startedAt + first * SEGMENT_MS).toISOString();
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${date}`);
    }
    for (let index = first; index < this.#listed; index++) {
      lines.push(`#EXTINF:${(SEGMENT_MS / 1_000).toFixed(3)},`, `segments/${index}.vtt${query}`);
    }
    if (this.#hasEnded) lines.push('#EXT-X-ENDLIST');
    return `${lines.join('\n')}\n`;
  }

  /**
   * One listed segment, with every cue that stands in it; undefined for one that is not listed any more, or not yet.
   */
  segment(index: number, mpegts: number): string | undefined {
    // Twice the window: a player may ask late for what it saw listed.
    if (index >= this.#listed || index < this.#listed - 2 * WINDOW_SEGMENTS) return undefined;
    const isBefore = ({ endMs }: Cue): boolean => endMs <= index * SEGMENT_MS;
    // From the end: the window is short, the session may be long.
    const all = this.#allCues();
    const first = all.findLastIndex(isBefore) + 1;
    const cues = all.slice(first).filter(({ startMs }) => startMs < (index + 1) * SEGMENT_MS);
    return webVtt(cues, [`X-TIMESTAMP-MAP=MPEGTS:${mpegts},LOCAL:00:00:00.000`]);
  }

  #add(final: TranscriptSegment): void {
    this.#uncut.push({ final, notBeforeMs: this.#listed * SEGMENT_MS });
    if (this.#uncut.length > CUES_MAX) this.#uncut.shift();
    this.#spokenMs = Math.max(this.#spokenMs, final.endMs);
    this.#document = undefined;
  }

  #allCues(): readonly Cue[] {
    for (const { final, notBeforeMs } of this.#uncut.splice(0)) {
      for (const { startMs, endMs, text } of cuesOf(final)) {
        const start = Math.max(startMs, notBeforeMs);
        this.#cues.push({ startMs: start, endMs: Math.max(endMs, start + 1), text });
      }
    }
    if (this.#cues.length > CUES_MAX) this.#cues.splice(0, this.#cues.length - CUES_MAX);
    return this.#cues;
  }

  #list(): void {
    const settledMs = Math.min(this.#heardMs - ONSET_MS, ...this.#open.values());
    this.#listed = Math.max(this.#listed, Math.floor(settledMs / SEGMENT_MS));
  }
}
