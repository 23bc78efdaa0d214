// From what the clients saw to the figures of the stream bench.
import { placedSpans, type Playlist } from '../audio/playlist.js';
import type { Span } from '../audio/recordings.js';
import { spokenStretches } from '../audio/speech-by-level.js';
import { distribution } from '../measure/statistics.js';
import { atMost, distributionMetric, scalarMetric, type Metric, type MetricOptions } from '../report/metric.js';
import { revisionsOf, type Revisions } from './revisions.js';
import { lossTotal, type EventLoss, type SegmentTrace, type StreamTrace, type TimedEvent } from './segment-trace.js';
import { speechEndOf, speechStartOf } from './speech-bounds.js';
import { settledWords, withTrueEnds } from './word-latency.js';

/** One connection's stream as its client saw it. */
export interface ObservedStream {
  readonly playlist: Playlist;
  readonly events: readonly TimedEvent[];
  readonly trace: StreamTrace;
  /** When its first sample was spoken, by the client's monotonic clock. */
  readonly startedAt: number;
  /** How late the client itself sent its chunks, milliseconds each: the bench's own delay, part of every latency. */
  readonly sendDelaysMs: readonly number[];
}

/** Figures of all streams together. `pace`: audio milliseconds that were played in a millisecond; 1 is real time. */
export function streamMetrics(streams: readonly ObservedStream[], pace: number): Metric[] {
  const latencies = streams.flatMap((stream) =>
    stream.trace.segments.map((segment) => segmentLatencies(segment, stream.playlist, pace)),
  );
  const pick = <K extends keyof SegmentLatencies>(key: K): SegmentLatencies[K][number][] =>
    latencies.flatMap((latency): SegmentLatencies[K][number][] => latency[key]);
  const firstPartials = pick('firstPartial');
  const finals = pick('final');
  const revisions = sumRevisions(streams.flatMap(({ trace }) => trace.segments.map(revisionsOf)));
  const events = streams.flatMap((stream) => stream.events.map(({ event }) => event));
  const lags = events.flatMap((event) => (event.type === 'ack' || event.type === 'partial' ? [event.lagMs] : []));
  const words = pick('words');
  return [
    ms('firstPartialLatency', values(firstPartials), { note: sourceNote('speech start', firstPartials) }),
    ms(
      'wordLatency',
      words.map((word) => word.ms),
      {
        note: `word ends from the finals' own word times; ${percent(words.filter((word) => word.wasPartial).length, words.length)} of the words were stable before their final`,
      },
    ),
    ms(
      'wordShownLatency',
      words.map((word) => word.shownMs),
      { note: 'the same to the first partial that shows the word at all, stable or not; else to the final' },
    ),
    ms(
      'wordShownLatencyInPartials',
      words.filter(({ wasShown }) => wasShown).map(({ shownMs }) => shownMs),
      {
        note: `the same of words that a partial showed; ${percent(words.filter(({ wasShown }) => !wasShown).length, words.length)} of the words are other ones in the final than in any partial`,
      },
    ),
    ms('wordLatencyTrueEnds', pick('trueWords'), {
      note: 'word ends from the manifest, rightly recognised words only',
    }),
    ms('finalLatency', values(finals), { note: sourceNote('end of speech', finals), target: atMost('p95', 1_500) }),
    ms('finalLatencyAfterSpeechEnded', pick('afterSpeechEnded'), {
      note: "from the client's receipt of speechEnded: the final decode alone, without hang-over",
    }),
    ms('serverLag', lags, {
      note: 'lagMs of acks and partials: audio received and not yet decoded',
      target: atMost('p95', 1_000),
    }),
    scalarMetric('revisionsPerWord', 'per word', ratio(revisions.revised, revisions.finalWords)),
    scalarMetric('stableWordsCorrected', 'share', ratio(revisions.stableCorrected, revisions.stableWords), {
      note: `${revisions.stableCorrected} of ${revisions.stableWords} words that were stable are not in their final`,
    }),
    scalarMetric(
      'eventsLost',
      'events',
      streams.reduce((sum, { trace }) => sum + lossTotal(trace.loss), 0),
      {
        note: lossNote(streams.map(({ trace }) => trace.loss)),
        target: atMost('value', 0),
      },
    ),
    scalarMetric(
      'errors',
      'messages',
      streams.reduce((sum, { trace }) => sum + trace.errorCodes.length, 0),
      {
        note: [...new Set(streams.flatMap(({ trace }) => trace.errorCodes))].join(', ') || 'none',
      },
    ),
    scalarMetric(
      'segments',
      'segments',
      streams.reduce((sum, { trace }) => sum + trace.segments.length, 0),
      { better: 'neither', note: reasonNote(streams) },
    ),
    ms(
      'clientSendDelay',
      streams.flatMap(({ sendDelaysMs }) => [...sendDelaysMs]),
      { note: "the bench's own lateness, part of every latency above" },
    ),
  ];
}

interface BoundedLatency {
  readonly ms: number;
  readonly source: 'reference' | 'server';
}

interface WordLatency {
  readonly ms: number;
  readonly shownMs: number;
  readonly wasPartial: boolean;
  readonly wasShown: boolean;
}

interface SegmentLatencies {
  readonly firstPartial: BoundedLatency[];
  readonly final: BoundedLatency[];
  readonly afterSpeechEnded: number[];
  readonly words: WordLatency[];
  readonly trueWords: number[];
}

/**
 * Latencies of one segment; each list is empty where the segment has nothing to measure (judged as noise, no final). A
 * segment whose first text was its final has that as its first partial.
 */
export function segmentLatencies(segment: SegmentTrace, playlist: Playlist, pace: number): SegmentLatencies {
  const { final } = segment;
  if (final === undefined || final.message.text === '') {
    return { firstPartial: [], final: [], afterSpeechEnded: [], words: [], trueWords: [] };
  }
  // At another pace than 1 a sample is spoken earlier or later than its place in the audio.
  const spokenAt = (audioMs: number): number => audioMs / pace;
  const { startMs, endMs } = final.message;
  const lastWordEndMs = final.message.words?.at(-1)?.endMs;
  const bounds = { startMs, endMs, ...(lastWordEndMs === undefined ? {} : { lastWordEndMs }) };
  const spans = trueSpans(playlist);
  const start = speechStartOf(bounds, spans.begun);
  const end = speechEndOf(bounds, spans.ended);
  const first = segment.partials.find(({ partial }) => (partial.stable + partial.tentative).trim() !== '') ?? final;
  const settled = settledWords(segment);
  return {
    firstPartial: [{ ms: first.atMs - spokenAt(start.atMs), source: start.source }],
    final: [{ ms: final.atMs - spokenAt(end.atMs), source: end.source }],
    afterSpeechEnded: segment.speechEndedAtMs === undefined ? [] : [final.atMs - segment.speechEndedAtMs],
    words: settled.map((word) => ({
      ms: word.stableAtMs - spokenAt(word.endMs),
      shownMs: word.shownAtMs - spokenAt(word.endMs),
      wasPartial: word.wasPartial,
      wasShown: word.wasShown,
    })),
    trueWords: withTrueEnds(
      settled,
      spans.words.filter((word) => word.endMs > startMs && word.startMs < endMs),
    ).map((word) => word.stableAtMs - spokenAt(word.endMs)),
  };
}

/** `begun`, `ended`: spans by whose starts, and by whose ends, speech begins and ends. */
function trueSpans(playlist: Playlist): { begun: Span[]; ended: Span[]; words: Span[] } {
  const spans = { begun: [] as Span[], ended: [] as Span[], words: [] as Span[] };
  for (const placed of playlist.placed) {
    const { recording } = placed;
    spans.words.push(...placedSpans(placed, recording.words));
    const told = recording.words.length > 0 ? recording.words : recording.utterances;
    // An utterance that the server ends in mid-recording is followed by one that begins behind a pause.
    spans.begun.push(...placedSpans(placed, told.length > 0 ? told : spokenStretches(recording)));
    spans.ended.push(...placedSpans(placed, told.length > 0 ? told : spokenStretches(recording)));
  }
  return spans;
}

function sumRevisions(all: readonly Revisions[]): Revisions {
  const total = (key: keyof Revisions): number => all.reduce((sum, one) => sum + one[key], 0);
  return {
    revised: total('revised'),
    finalWords: total('finalWords'),
    stableWords: total('stableWords'),
    stableCorrected: total('stableCorrected'),
  };
}

const ms = (name: string, values: readonly number[], options: MetricOptions): Metric =>
  distributionMetric(name, 'ms', distribution(values), options);

const values = (bounded: readonly BoundedLatency[]): number[] => bounded.map(({ ms }) => ms);

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

const percent = (part: number, whole: number): string => `${Math.round(100 * ratio(part, whole))} %`;

const sourceNote = (bound: string, latencies: readonly BoundedLatency[]): string =>
  `${bound} from the manifest's times or by level in ${latencies.filter(({ source }) => source === 'reference').length} of ${latencies.length} segments, else the server's own`;

function lossNote(losses: readonly EventLoss[]): string {
  const keys = [
    'finalsMissing',
    'finalsUnexpected',
    'finalsOutOfOrder',
    'marksMissing',
    'stableBroken',
    'stoppedMissing',
  ] as const;
  return keys.map((key) => `${key} ${losses.reduce((sum, loss) => sum + loss[key], 0)}`).join(', ');
}

function reasonNote(streams: readonly ObservedStream[]): string {
  const counts = new Map<string, number>();
  for (const { trace } of streams) {
    for (const { final } of trace.segments) {
      const reason =
        final === undefined
          ? 'no final'
          : final.message.noise === undefined
            ? final.message.reason
            : `noise (${final.message.noise})`;
      counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
  }
  return [...counts].map(([reason, count]) => `${reason} ${count}`).join(', ');
}
