// Where utterances end: by which silence, how long after the speech, how many of them in mid-sentence, and what that
// costs in words. Latency is in audio time: computing is not counted.
import { SESSION_DEFAULTS } from '@sotto/server';
import { place, placedSpans, SAMPLES_PER_MS, type LoadedRecording } from '../audio/playlist.js';
import { spokenSpans } from '../audio/speech-by-level.js';
import { distribution } from '../measure/statistics.js';
import { errorRate, scoreText, totalErrors, type ErrorCounts } from '@sotto/models';
import { distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import type { Hearing } from './hearing.js';
import { textOf } from './hearing.js';

export interface EndingSetting {
  readonly minSilenceMs: number;
  /** 0: as long as for any other. */
  readonly sentenceSilenceMs: number;
}

/** Silence around each recording, milliseconds: longer than any that ends an utterance. */
const GAP_MS = 1_500;
/** Finals do not depend on partials, which would take most of the time. */
const PARTIAL_INTERVAL_MS = 10_000;
/** An utterance that is said to end this close to where it does ends there, milliseconds. */
const NEAR_MS = 400;

/** Every silence with every one of complete sentences that is shorter. */
export function endingSettings(silencesMs: readonly number[], sentencesMs: readonly number[]): EndingSetting[] {
  return silencesMs.flatMap((minSilenceMs) =>
    sentencesMs
      .filter((sentenceSilenceMs) => sentenceSilenceMs < minSilenceMs)
      .map((sentenceSilenceMs) => ({ minSilenceMs, sentenceSilenceMs })),
  );
}

/** Plays every recording in one setting. */
export async function endingMetrics(
  hearing: Hearing,
  recordings: readonly LoadedRecording[],
  { minSilenceMs, sentenceSilenceMs }: EndingSetting,
): Promise<Metric[]> {
  const own = await hearing.with(
    {},
    {
      ...SESSION_DEFAULTS,
      endpointing: {
        ...SESSION_DEFAULTS.endpointing,
        minSilenceMs,
        sentenceSilenceMs: sentenceSilenceMs === 0 ? undefined : sentenceSilenceMs,
      },
    },
  );
  const latencies: number[] = [];
  const errors: ErrorCounts[] = [];
  let cuts = 0;
  for (const recording of recordings) {
    const { placed, totalSamples } = place([recording], GAP_MS);
    const [at] = placed;
    if (at === undefined) continue;
    const audio = new Float32Array(totalSamples);
    audio.set(recording.samples, at.startMs * SAMPLES_PER_MS);
    const { language, text, utterances } = recording;
    const { events, finals } = await own.live(audio, { language, partialIntervalMs: PARTIAL_INTERVAL_MS });
    errors.push(scoreText(text, textOf(finals), language));
    const spoken = placedSpans(at, utterances.length > 0 ? utterances : spokenSpans(recording));
    for (const { atMs, event } of events) {
      if (event.type !== 'final' || event.reason !== 'endpoint' || event.text === '') continue;
      const end = spoken.find(({ endMs }) => Math.abs(endMs - event.endMs) <= NEAR_MS);
      if (end !== undefined) latencies.push(atMs - end.endMs);
      else cuts += 1;
    }
  }
  const sentence = sentenceSilenceMs === 0 ? '' : `, sentences ${sentenceSilenceMs} ms`;
  const name = `${minSilenceMs} ms${sentence}`;
  const note = `${recordings.length} recordings, ${totalErrors(errors).reference} words or characters`;
  return [
    distributionMetric(`${name}: end of speech to final`, 'ms', distribution(latencies)),
    scalarMetric(`${name}: cut in mid-utterance`, 'utterances', cuts, { note: `${latencies.length} ended well` }),
    scalarMetric(`${name}: errors`, 'share', errorRate(totalErrors(errors)), { note }),
  ];
}
