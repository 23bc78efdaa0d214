// One session's utterances as traces: gateway, VAD, endpointing, queue, engine and polish are the spans of each.
import type { ServerMessage } from '@sotto/protocol';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';

/** Utterances that are remembered after their final, for their polish: more never wait for it. */
const UTTERANCES_MAX = 72;
/** Chunks whose arrival is remembered: speech is noticed well within 10 s. */
const ARRIVALS_MAX = 512;

/** What makes spans; of OpenTelemetry's library. */
export interface SpanMaker {
  readonly tracer: Pick<Tracer, 'startSpan'>;
  /** What children of a span begin in. */
  readonly within: (span: Span) => Context;
}

/** How a run that an utterance took part in went; milliseconds of the steady clock. */
export interface DecodeFacts {
  readonly kind: string;
  readonly queuedAt: number;
  readonly beganAt: number;
  readonly endedAt: number;
  readonly windows: number;
  readonly hasFailed: boolean;
}

interface Utterance {
  readonly root: Span;
  readonly context: Context;
  isOver: boolean;
}

/** All times are milliseconds of `performance.now()`, which OpenTelemetry takes as they are. */
export class SessionTrace {
  readonly #spans: SpanMaker;
  readonly #sessionId: string;
  readonly #utterances = new Map<number, Utterance>();
  /** When the audio up to a place of the stream (milliseconds) was there. */
  readonly #arrivals: { readonly streamMs: number; readonly at: number }[] = [];

  constructor(sessionId: string, spans: SpanMaker) {
    this.#sessionId = sessionId;
    this.#spans = spans;
  }

  /** Audio up to a place of the stream has come. */
  arrived(streamMs: number, now: number): void {
    this.#arrivals.push({ streamMs, at: now });
    if (this.#arrivals.length > ARRIVALS_MAX) this.#arrivals.shift();
  }

  /** The session says something now. `spokenAt`: when a place of the stream was spoken. */
  observe(message: ServerMessage, now: number, spokenAt: (streamMs: number) => number): void {
    switch (message.type) {
      case 'speechStarted':
        return this.#begin(message.segmentId, message.startMs, now, spokenAt(message.startMs));
      case 'speechEnded':
        return this.#child(message.segmentId, 'endpointing', this.#arrival(message.endMs, now), now, {});
      case 'final':
        return this.#end(message.segmentId, now, {
          'sotto.language': message.language,
          'sotto.reason': message.reason,
          ...(message.noise === undefined ? {} : { 'sotto.noise': message.noise }),
        });
      case 'error':
        if (message.segmentId === undefined) return;
        return this.#end(message.segmentId, now, { 'error.type': message.code });
      case 'polished':
        if (message.segmentId === undefined) return;
        this.#child(message.segmentId, 'polish', now - message.latencyMs, now, {
          'sotto.model': message.model,
          'sotto.mode': message.mode,
          ...(message.fallback === undefined ? {} : { 'sotto.fallback': message.fallback }),
        });
        this.#utterances.delete(message.segmentId);
    }
  }

  /** A run of the engines is over. */
  decoded(segmentId: number, { kind, queuedAt, beganAt, endedAt, windows, hasFailed }: DecodeFacts): void {
    const facts = { 'sotto.decode': kind, 'sotto.windows': windows };
    this.#child(segmentId, 'queue', queuedAt, beganAt, facts);
    this.#child(segmentId, 'engine', beganAt, endedAt, { ...facts, ...(hasFailed ? { 'error.type': 'engine' } : {}) });
  }

  /** The session is over: what has no final has none. */
  close(now: number): void {
    for (const [segmentId, { isOver }] of this.#utterances) {
      if (!isOver) this.#end(segmentId, now, { 'error.type': 'session_ended' });
    }
    this.#utterances.clear();
  }

  #begin(segmentId: number, startMs: number, now: number, spokenAt: number): void {
    const arrivedAt = this.#arrival(startMs, now);
    const startTime = Math.min(arrivedAt, Number.isFinite(spokenAt) ? spokenAt : now);
    const attributes = { 'sotto.session': this.#sessionId, 'sotto.segment': segmentId };
    const root = this.#spans.tracer.startSpan('utterance', { startTime, attributes, root: true });
    this.#utterances.set(segmentId, { root, context: this.#spans.within(root), isOver: false });
    this.#child(segmentId, 'gateway', startTime, arrivedAt, {});
    this.#child(segmentId, 'vad', arrivedAt, now, {});
    const [oldest] = this.#utterances.keys();
    if (this.#utterances.size > UTTERANCES_MAX && oldest !== undefined) this.#utterances.delete(oldest);
  }

  #child(segmentId: number, name: string, startTime: number, endTime: number, attributes: Attributes): void {
    const utterance = this.#utterances.get(segmentId);
    if (utterance === undefined) return;
    this.#spans.tracer.startSpan(name, { startTime, attributes }, utterance.context).end(endTime);
  }

  #end(segmentId: number, now: number, attributes: Attributes): void {
    const utterance = this.#utterances.get(segmentId);
    if (utterance === undefined || utterance.isOver) return;
    utterance.isOver = true;
    utterance.root.setAttributes(attributes).end(now);
  }

  /** When the audio of a place was there; `now` where that is not remembered. */
  #arrival(streamMs: number, now: number): number {
    return this.#arrivals.find((arrival) => arrival.streamMs >= streamMs)?.at ?? now;
  }
}
