// The bookkeeping of latencies, on a scripted stream of events.
import t from 'tap';
import type { FinalMessage, PartialMessage, ServerMessage } from '@sotto/protocol';
import { place, type LoadedRecording } from '../../bench/src/audio/playlist.js';
import { hypothesesOf } from '../../bench/src/stream/hypotheses.js';
import { revisionsOf } from '../../bench/src/stream/revisions.js';
import { lossTotal, traceStream, type SegmentTrace, type TimedEvent } from '../../bench/src/stream/segment-trace.js';
import { segmentLatencies, streamMetrics } from '../../bench/src/stream/stream-metrics.js';
import { settledWords } from '../../bench/src/stream/word-latency.js';

const at = (atMs: number, event: ServerMessage): TimedEvent => ({ atMs, event });

const partial = (stable: string, tentative: string, endMs: number, segmentId = 0): PartialMessage => ({
  type: 'partial',
  segmentId,
  revision: endMs,
  stable,
  tentative,
  startMs: 900,
  endMs,
  lagMs: 40,
});

const word = (
  text: string,
  startMs: number,
  endMs: number,
): { text: string; startMs: number; endMs: number; confidence: number } => ({
  text,
  startMs,
  endMs,
  confidence: 0.9,
});

const final = (fields: Partial<FinalMessage> = {}): FinalMessage => ({
  type: 'final',
  segmentId: 0,
  reason: 'endpoint',
  text: 'The cat sat.',
  startMs: 900,
  endMs: 2_600,
  language: 'en',
  avgLogprob: -0.2,
  noSpeechProb: 0,
  words: [word('The', 1_100, 1_300), word(' cat', 1_300, 1_700), word(' sat.', 1_700, 2_200)],
  ...fields,
});

/** A recording of 2 s at 1,000 ms of the playlist, with its words' true times. */
const recording = (fields: Partial<LoadedRecording> = {}): LoadedRecording => ({
  id: 'cat',
  path: 'cat.flac',
  language: 'en',
  text: 'The cat sat.',
  words: [
    { text: 'The', startMs: 150, endMs: 320 },
    { text: 'cat', startMs: 320, endMs: 750 },
    { text: 'sat.', startMs: 750, endMs: 1_250 },
  ],
  utterances: [],
  samples: new Float32Array(32_000),
  ...fields,
});

const script: TimedEvent[] = [
  at(1_250, { type: 'speechStarted', segmentId: 0, startMs: 900 }),
  at(1_500, partial('', '', 1_400)),
  at(1_800, partial('', 'The hat', 1_700)),
  at(2_300, partial('The ', 'cat', 2_200)),
  at(2_700, partial('The cat ', 'sat', 2_600)),
  at(2_750, { type: 'speechEnded', segmentId: 0, endMs: 2_600 }),
  at(2_900, final()),
  at(3_000, { type: 'mark', id: 'm0', offset: 64_000 }),
  at(3_100, { type: 'stopped', reason: 'stop', audioMs: 4_000, speechMs: 1_700, segments: 1, words: 3 }),
];

const playlist = place([recording()], 1_000);

const onlySegment = (events: readonly TimedEvent[]): SegmentTrace => {
  const [segment, ...others] = traceStream(events, []).segments;
  if (segment === undefined || others.length > 0) throw new Error('The script has one segment.');
  return segment;
};

t.test('settledWords: a word settles with the first stable text that has it, the rest with the final', async (t) => {
  const segment = onlySegment(script);
  t.strictSame(
    settledWords(segment).map(({ text, stableAtMs, wasPartial }) => [text, stableAtMs, wasPartial]),
    [
      ['The', 2_300, true],
      ['cat', 2_700, true],
      ['sat.', 2_900, false],
    ],
  );
});

const shown = (events: readonly TimedEvent[]): number[] =>
  settledWords(onlySegment(events)).map(({ shownAtMs }) => shownAtMs);

t.test('settledWords: a word is shown with the first text that has it, tentative too', async (t) => {
  t.strictSame(shown(script), [1_800, 2_300, 2_700]);
  t.strictSame(shown(script.filter(({ event }) => event.type !== 'partial')), [2_900, 2_900, 2_900], 'with the final');
  const twice = [
    at(1_250, { type: 'speechStarted', segmentId: 0, startMs: 900 }),
    at(1_500, partial('', 'no', 1_400)),
    at(2_300, partial('', 'no no', 2_200)),
    at(2_900, final({ text: 'No, no.', words: [word('No,', 1_000, 1_300), word(' no.', 1_600, 2_000)] })),
  ];
  t.strictSame(shown(twice), [1_500, 2_300], 'a word that is said again is not taken for its later self');
});

t.test('segmentLatencies: from true speech times where the manifest has them', async (t) => {
  const segment = onlySegment(script);
  const latencies = segmentLatencies(segment, playlist, 1);
  t.strictSame(
    latencies.firstPartial,
    [{ ms: 1_800 - 1_150, source: 'reference' }],
    'the empty partial does not count',
  );
  t.strictSame(latencies.final, [{ ms: 2_900 - 2_250, source: 'reference' }]);
  t.strictSame(latencies.afterSpeechEnded, [150]);
  t.strictSame(
    latencies.words.map(({ ms }) => ms),
    [2_300 - 1_300, 2_700 - 1_700, 2_900 - 2_200],
  );
  t.strictSame(latencies.trueWords, [2_300 - 1_320, 2_700 - 1_750, 2_900 - 2_250]);
});

t.test(
  'segmentLatencies: without true times the level says when speech began and ended, else the server',
  async (t) => {
    const segment = onlySegment(script);
    const samples = new Float32Array(2_000 * 16).fill(0.1, 200 * 16, 1_200 * 16);
    const byLevel = segmentLatencies(segment, place([recording({ words: [], samples })], 1_000), 1);
    t.strictSame(byLevel.firstPartial, [{ ms: 1_800 - 1_200 + 10, source: 'reference' }]);
    t.strictSame(byLevel.final, [{ ms: 2_900 - 2_200 - 10, source: 'reference' }]);
    const latencies = segmentLatencies(segment, place([recording({ words: [], text: '' })], 1_000), 1);
    t.strictSame(latencies.firstPartial, [{ ms: 1_800 - 900, source: 'server' }]);
    t.strictSame(latencies.final, [{ ms: 2_900 - 2_200, source: 'server' }]);
    t.strictSame(latencies.trueWords, []);
  },
);

t.test('segmentLatencies: at twice the pace audio is spoken in half the time', async (t) => {
  const segment = onlySegment(script);
  t.equal(segmentLatencies(segment, playlist, 2).final[0]?.ms, 2_900 - 2_250 / 2);
});

t.test('segmentLatencies: a segment judged as noise has none', async (t) => {
  const noise = script.map((timed) =>
    timed.event.type === 'final' ? at(2_900, final({ text: '', noise: 'noSpeech', words: [] })) : timed,
  );
  const segment = onlySegment(noise);
  t.strictSame(segmentLatencies(segment, playlist, 1), {
    firstPartial: [],
    final: [],
    afterSpeechEnded: [],
    words: [],
    trueWords: [],
  });
});

t.test('revisionsOf: words that were shown and then changed', async (t) => {
  const segment = onlySegment(script);
  // hat -> cat, and sat -> sat.: two revisions; nothing that was stable was taken back.
  t.strictSame(revisionsOf(segment), { revised: 2, finalWords: 3, stableWords: 2, stableCorrected: 0 });
});

t.test('revisionsOf: a final that takes stable words back is seen', async (t) => {
  const corrected = script.map((timed) =>
    timed.event.type === 'final' ? at(2_900, final({ text: 'A cat sat.' })) : timed,
  );
  const segment = onlySegment(corrected);
  t.equal(revisionsOf(segment).stableCorrected, 1);
});

t.test('traceStream: a sound stream loses nothing', async (t) => {
  t.equal(lossTotal(traceStream(script, ['m0']).loss), 0);
});

t.test('traceStream: every kind of loss is counted under its name', async (t) => {
  const broken: TimedEvent[] = [
    at(1, { type: 'speechStarted', segmentId: 0, startMs: 0 }),
    at(2, partial('The cat ', '', 1_000)),
    at(3, partial('The hat ', '', 1_200)),
    at(4, { type: 'speechStarted', segmentId: 1, startMs: 2_000 }),
    at(5, final({ segmentId: 1 })),
    at(6, final({ segmentId: 0 })),
    at(7, final({ segmentId: 0 })),
    at(8, { type: 'speechStarted', segmentId: 2, startMs: 4_000 }),
    at(9, { type: 'speechStarted', segmentId: 3, startMs: 5_000 }),
    at(10, { type: 'error', code: 'recognition_failed', message: '', retryable: true, fatal: false, segmentId: 3 }),
  ];
  const { loss, errorCodes } = traceStream(broken, ['m0']);
  t.strictSame(loss, {
    finalsMissing: 1,
    finalsUnexpected: 1,
    finalsOutOfOrder: 2,
    marksMissing: 1,
    stableBroken: 1,
    stoppedMissing: 1,
  });
  t.strictSame(errorCodes, ['recognition_failed'], 'a failed segment was answered, not lost');
});

t.test('hypothesesOf: finals go to the recording that they overlap most', async (t) => {
  const two = place([recording({ id: 'a' }), recording({ id: 'b' }), recording({ id: 'c' })], 1_000);
  const heard = hypothesesOf(two.placed, [
    final({ text: 'second', startMs: 4_100, endMs: 5_900 }),
    final({ text: 'first', startMs: 1_000, endMs: 2_000 }),
    final({ text: 'half', startMs: 2_100, endMs: 3_200 }),
    final({ text: '', noise: 'noSpeech', startMs: 7_100, endMs: 7_200 }),
  ]);
  t.strictSame(
    heard.map(({ recording: { id }, text }) => [id, text]),
    [
      ['a', 'first half'],
      ['b', 'second'],
      ['c', ''],
    ],
  );
});

t.test('streamMetrics: names what was measured and how', async (t) => {
  const stream = { playlist, events: script, trace: traceStream(script, ['m0']), startedAt: 0, sendDelaysMs: [0, 1] };
  const metrics = new Map(streamMetrics([stream], 1).map((metric) => [metric.name, metric]));
  t.match(metrics.get('finalLatency'), { kind: 'distribution', count: 1, p95: 650 });
  t.match(metrics.get('wordLatency'), { count: 3, p50: 1_000 });
  t.match(metrics.get('serverLag'), { count: 4, max: 40 });
  t.match(metrics.get('eventsLost'), { value: 0 });
  t.match(metrics.get('revisionsPerWord'), { value: 2 / 3 });
  t.match(metrics.get('segments'), { note: 'endpoint 1' });
});
