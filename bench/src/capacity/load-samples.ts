// From the streams that a load client played to the values that are measured.
import { SAMPLES_PER_MS, type Playlist } from '../audio/playlist.js';
import { scoreText, totalErrors, type ErrorCounts } from '@sotto/models';
import { hypothesesOf } from '../stream/hypotheses.js';
import type { EventLoss, SegmentTrace } from '../stream/segment-trace.js';
import { segmentLatencies, type ObservedStream } from '../stream/stream-metrics.js';
import type { LoadSamples } from './load-messages.js';

/** A window of time on the client's clock, milliseconds. */
export interface TimeWindow {
  readonly from: number;
  readonly to: number;
}

export const noSamples = (): LoadSamples => ({
  firstPartial: [],
  word: [],
  wordShown: [],
  wordShownInPartials: [],
  wordTrueEnds: [],
  final: [],
  finalAfterSpeechEnded: [],
  serverLag: [],
  partialInterval: [],
  sendDelay: [],
});

/** Adds all of `more` to `all`. */
export function addSamples(all: LoadSamples, more: LoadSamples): void {
  for (const name of Object.keys(all) as (keyof LoadSamples)[]) for (const value of more[name]) all[name].push(value);
}

/**
 * Values of one stream, played at real-time pace: of the segments that end in the window, and of the messages and
 * chunks within it. A segment that ended because the stream did has waited for no silence, and is left out.
 */
export function samplesOf(stream: ObservedStream, chunkMs: number, { from, to }: TimeWindow): LoadSamples {
  const samples = noSamples();
  const isInside = (atMs: number): boolean => stream.startedAt + atMs >= from && stream.startedAt + atMs < to;
  for (const segment of stream.trace.segments) {
    const message = segment.final?.message;
    if (message === undefined || message.reason === 'stop' || !isInside(message.endMs)) continue;
    const latencies = segmentLatencies(segment, stream.playlist, 1);
    samples.firstPartial.push(...latencies.firstPartial.map(({ ms }) => ms));
    samples.word.push(...latencies.words.map(({ ms }) => ms));
    samples.wordShown.push(...latencies.words.map(({ shownMs }) => shownMs));
    samples.wordShownInPartials.push(
      ...latencies.words.filter(({ wasShown }) => wasShown).map(({ shownMs }) => shownMs),
    );
    samples.wordTrueEnds.push(...latencies.trueWords);
    samples.final.push(...latencies.final.map(({ ms }) => ms));
    samples.finalAfterSpeechEnded.push(...latencies.afterSpeechEnded);
    samples.partialInterval.push(...partialIntervals(segment));
  }
  for (const { atMs, event } of stream.events) {
    if ((event.type === 'ack' || event.type === 'partial') && isInside(atMs)) samples.serverLag.push(event.lagMs);
  }
  stream.sendDelaysMs.forEach((delay, chunk) => {
    if (isInside((chunk + 1) * chunkMs)) samples.sendDelay.push(delay);
  });
  return samples;
}

/** Audio between what one partial had heard and the next. */
function partialIntervals({ partials }: SegmentTrace): number[] {
  return partials.flatMap(({ partial }, index) => {
    const before = partials[index - 1];
    return before === undefined ? [] : [partial.endMs - before.partial.endMs];
  });
}

/** Errors in the utterances of a stream that were played to their end, with the silence behind them. */
export function errorsOf({ playlist, trace }: ObservedStream, gapMs: number): ErrorCounts {
  const finals = trace.segments.flatMap(({ final }) => (final === undefined ? [] : [final.message]));
  const heard = hypothesesOf(playlist.placed, finals).slice(0, wholeRecordings(playlist, gapMs));
  return totalErrors(heard.map(({ recording, text }) => scoreText(recording.text, text, recording.language)));
}

const wholeRecordings = ({ placed, totalSamples }: Playlist, gapMs: number): number =>
  placed.filter(({ endMs }) => (endMs + gapMs) * SAMPLES_PER_MS <= totalSamples).length;

/** Losses of several streams together. */
export function addLoss(all: EventLoss, more: EventLoss): void {
  for (const name of Object.keys(all) as (keyof EventLoss)[]) all[name] += more[name];
}

export const noLoss = (): EventLoss => ({
  finalsMissing: 0,
  finalsUnexpected: 0,
  finalsOutOfOrder: 0,
  marksMissing: 0,
  stableBroken: 0,
  stoppedMissing: 0,
});
