// The figures of one peer at one number of streams.
import { comparedUnit, errorRate, scoreText, totalErrors } from '@sotto/models';
import { displayedWords } from '@sotto/protocol';
import { SAMPLES_PER_MS } from '../audio/playlist.js';
import type { TreeUsage } from '../measure/process-tree.js';
import { distribution, median } from '../measure/statistics.js';
import { distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import type { LiveStream } from './play-live.js';
import { heardRecordings, lastText, revisedWords, type HeardRecording } from './shown-words.js';

/** What one run of a peer gave. */
export interface LiveRun {
  readonly streams: readonly LiveStream[];
  /** Processor time of all its processes from the first stream to the last, milliseconds. */
  readonly cpuMs: number;
  /** Its memory meanwhile, oldest first. */
  readonly memory: readonly TreeUsage[];
}

const MIB = 2 ** 20;

/** @param name stands before each figure */
export function liveMetrics(name: string, { streams, cpuMs, memory }: LiveRun, language: string): Metric[] {
  const heard = streams.map((stream) => ({ stream, recordings: heardRecordings(stream) }));
  const all = heard.flatMap(({ stream, recordings }) => recordings.map((recording) => ({ stream, recording })));
  const first = all.flatMap(({ recording }) => firstShown(recording));
  const right = all.flatMap(({ stream, recording }) =>
    recording.words.filter((word) => word.isRight).map((word) => ({ ...word, stream })),
  );
  const timed = right.filter(({ isTimed }) => isTimed);
  const finals = all.flatMap(({ stream, recording }) => settled(recording, stream));
  const audioMs = streams.reduce((sum, { playlist }) => sum + playlist.totalSamples / SAMPLES_PER_MS, 0);
  const errors = totalErrors(
    streams.map(({ playlist, shown }) =>
      scoreText(playlist.placed.map(({ recording }) => recording.text).join(' '), lastText(shown), language),
    ),
  );
  const words = streams.reduce((sum, { shown }) => sum + displayedWords(lastText(shown)).length, 0);
  const revised = streams.reduce((sum, { shown }) => sum + revisedWords(shown), 0);
  return [
    ms(`${name}: first partial`, first, `first right word of ${first.length} of ${all.length} recordings`),
    ms(
      `${name}: word shown`,
      timed.map((word) => (word.shownAtMs ?? word.stream.endedAtMs) - word.endMs),
      `${timed.length} words with known times that the last text holds`,
    ),
    ms(
      `${name}: final`,
      finals.map(({ afterMs }) => afterMs),
      `${finals.filter(({ isSettled }) => !isSettled).length} of ${finals.length} recordings were never settled whole: they count to the end of the stream`,
    ),
    ms(
      `${name}: text rests`,
      all.flatMap(({ recording }) => rests(recording)),
      'right words of a recording stand and stay, settled or not',
    ),
    scalarMetric(`${name}: errors`, 'share', errorRate(errors), {
      note: `${comparedUnit(language)}s: ${errors.substitutions} wrong, ${errors.deletions} missing, ${errors.insertions} too many of ${errors.reference}`,
    }),
    scalarMetric(`${name}: revisions`, 'per word', words === 0 ? 0 : revised / words),
    scalarMetric(`${name}: processor time`, 's per s of audio', cpuMs / audioMs),
    scalarMetric(`${name}: memory`, 'MiB', median(memory.map(({ pssBytes }) => pssBytes / MIB)), {
      note: 'median of all its processes while it works; what they share counts once',
    }),
  ];
}

/** How late the client sent its chunks, over all runs: the load generator's own delay, part of every latency. */
export const clientDelay = (streams: readonly LiveStream[]): Metric =>
  ms(
    'client send delay',
    streams.flatMap(({ sendDelaysMs }) => [...sendDelaysMs]),
    "the load generator's own",
  );

function firstShown({ speechStartMs, words }: HeardRecording): number[] {
  const shown = words.flatMap(({ shownAtMs }) => shownAtMs ?? []);
  return shown.length === 0 ? [] : [Math.min(...shown) - speechStartMs];
}

/** From the end of speech until the last right word was settled. A recording without a right word has none. */
function settled(
  { speechEndMs, words }: HeardRecording,
  { endedAtMs }: LiveStream,
): { readonly afterMs: number; readonly isSettled: boolean }[] {
  const right = words.filter(({ isRight }) => isRight);
  if (right.length === 0) return [];
  const atMs = Math.max(...right.map((word) => word.settledAtMs ?? endedAtMs));
  return [{ afterMs: atMs - speechEndMs, isSettled: right.every((word) => word.settledAtMs !== undefined) }];
}

function rests({ speechEndMs, words }: HeardRecording): number[] {
  const at = words.flatMap(({ isRight, restsAtMs }) => (isRight && restsAtMs !== undefined ? [restsAtMs] : []));
  return at.length === 0 ? [] : [Math.max(...at) - speechEndMs];
}

const ms = (name: string, values: readonly number[], note: string): Metric =>
  distributionMetric(name, 'ms', distribution(values), { note });
