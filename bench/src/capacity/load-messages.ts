// What the bench and its load clients' processes say to each other. Both ends are this code at one version: nothing is
// validated.
import type { LoadedRecording } from '../audio/playlist.js';
import type { ErrorCounts } from '@sotto/models';
import type { PlayOptions } from '../stream/play-stream.js';
import type { EventLoss } from '../stream/segment-trace.js';

/** Times that count from the word `go`, milliseconds. */
export interface LoadTimes {
  /** What ends in this window of time is measured. */
  readonly fromMs: number;
  readonly toMs: number;
  /** All streams stop. */
  readonly stopMs: number;
}

/** One stream of a client. */
export interface StreamTask {
  /** When it connects, milliseconds since `go`. */
  readonly startMs: number;
  /** Of the order in which it plays the utterances. */
  readonly seed: number;
}

export interface LoadTask {
  readonly play: Omit<PlayOptions, 'pace'>;
  readonly utterances: readonly LoadedRecording[];
  readonly gapMs: number;
  readonly streams: readonly StreamTask[];
  readonly times: LoadTimes;
}

/** Values in milliseconds, of all streams of a client, in no order. */
export interface LoadSamples {
  firstPartial: number[];
  word: number[];
  wordShown: number[];
  /** The same of words that a partial showed: others are first seen in their final. */
  wordShownInPartials: number[];
  wordTrueEnds: number[];
  final: number[];
  finalAfterSpeechEnded: number[];
  serverLag: number[];
  /** New audio between two partials of a segment. */
  partialInterval: number[];
  /** How late the client sent its chunks. */
  sendDelay: number[];
}

export interface LoadReport {
  readonly samples: LoadSamples;
  /** Over the whole run, not the window alone. */
  readonly loss: EventLoss;
  /** Codes of `error` messages, and why sessions did not begin. */
  readonly troubles: readonly string[];
  /** Word errors of the utterances that were played to their end. */
  readonly wordErrors: ErrorCounts;
  /** CPU time of the client in the window, milliseconds. */
  readonly cpuMs: number;
}

export type ToClient = { readonly type: 'task'; readonly task: LoadTask } | { readonly type: 'go' };

export type FromClient =
  | { readonly type: 'prepared' }
  | { readonly type: 'done'; readonly report: LoadReport }
  | { readonly type: 'failed'; readonly message: string };
