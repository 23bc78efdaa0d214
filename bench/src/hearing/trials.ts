// What is asked of a recogniser's quality, one trial each: words in noise, loops in partials, quiet speech, live
// against files.
import { place, type LoadedRecording } from '../audio/playlist.js';
import { atMost, scalarMetric, type Metric } from '../report/metric.js';
import type { Hearing } from './hearing.js';
import { textOf } from './hearing.js';
import { comparedUnits, errorRate, scoreText, totalErrors, type ErrorCounts } from '@sotto/models';
import { isLoop } from './loops.js';
import { atLevel, noiseStretches } from './noises.js';

/** Length of one sound, seconds. */
const STRETCH_SECONDS = 15;
/** Audio between two reports of progress, seconds. */
const PROGRESS_SECONDS = 60;
/** Silence before and behind each recording, milliseconds. */
const GAP_MS = 700;

/** Figures, and sentences about what went wrong. */
export interface Trial {
  readonly metrics: readonly Metric[];
  readonly remarks: readonly string[];
}

/**
 * Sounds without speech, live and as files: words in finals and in partials, all of which are invented. What was heard
 * so far goes to standard error every {@link PROGRESS_SECONDS} of audio, so that a run may be cut off.
 */
export async function noiseTrial(hearing: Hearing, minutes: number, seed: number): Promise<Trial> {
  let heardSeconds = 0;
  const invented = { live: 0, file: 0, partials: 0 };
  const remarks: string[] = [];
  for (const { kind, levelDb, samples } of noiseStretches(minutes, STRETCH_SECONDS, seed)) {
    const live = await hearing.live(samples);
    const texts = {
      live: textOf(live.finals),
      file: textOf(await hearing.file(samples)),
      partials: live.partials.map(({ stable, tentative }) => stable + tentative).join(' '),
    };
    for (const door of ['live', 'file', 'partials'] as const) {
      const words = comparedUnits(texts[door], 'en').length;
      invented[door] += words;
      if (words > 0) remarks.push(`${kind} at ${levelDb} dB, ${door}: ${texts[door].slice(0, 80)}`);
    }
    heardSeconds += STRETCH_SECONDS;
    if (heardSeconds % PROGRESS_SECONDS === 0) {
      const { live: inLive, file: inFiles, partials: inPartials } = invented;
      const words = `${inLive} words live, ${inFiles} in files, ${inPartials} in partials`;
      process.stderr.write(`${heardSeconds / 60} of ${minutes} minutes: ${words}\n`);
    }
  }
  const note = `${minutes} minutes of sounds without speech, language auto`;
  const words = (name: string, value: number): Metric =>
    scalarMetric(name, 'words', value, { note, target: atMost('value', 0) });
  return {
    metrics: [
      words('wordsInNoiseLive', invented.live),
      words('wordsInNoiseFiles', invented.file),
      words('wordsInNoisePartials', invented.partials),
    ],
    remarks,
  };
}

/** Utterances, each a stream of its own: partials that loop, and finals that empty what had been stable. */
export async function partialsTrial(hearing: Hearing, recordings: readonly LoadedRecording[]): Promise<Trial> {
  const counts = { partials: 0, loops: 0, emptied: 0 };
  const remarks: string[] = [];
  for (const recording of recordings) {
    const { language, text, samples, id } = recording;
    const { partials, finals } = await hearing.live(withSilence(samples), { language });
    counts.partials += partials.length;
    const looping = partials.find(({ stable, tentative }) => isLoop(stable + tentative, text, language));
    if (looping !== undefined) {
      counts.loops += 1;
      remarks.push(`${id} loops: ${(looping.stable + looping.tentative).slice(0, 120)}`);
    }
    for (const final of finals.filter((one) => one.text === '')) {
      const stable = partials.findLast(({ segmentId }) => segmentId === final.segmentId)?.stable ?? '';
      if (stable.trim() === '') continue;
      counts.emptied += 1;
      remarks.push(`${id}: the final (${final.noise}) empties "${stable}"`);
    }
  }
  const note = `${recordings.length} utterances, ${counts.partials} partials`;
  return {
    metrics: [
      scalarMetric('utterancesWithLoops', 'utterances', counts.loops, { note, target: atMost('value', 0) }),
      scalarMetric('stablePartialsEmptied', 'finals', counts.emptied, { note, target: atMost('value', 0) }),
    ],
    remarks,
  };
}

/** The same recordings at several levels (dB below full scale; undefined: as recorded), through both doors. */
export async function doorsTrial(
  hearing: Hearing,
  recordings: readonly LoadedRecording[],
  levels: readonly (number | undefined)[],
): Promise<Trial> {
  const metrics: Metric[] = [];
  for (const level of levels) {
    const groups = new Map<string, { live: ErrorCounts[]; file: ErrorCounts[] }>();
    for (const recording of recordings) {
      const { language, text, samples } = recording;
      const audio = withSilence(level === undefined ? samples : atLevel(samples, level).map(inSixteenBits));
      const live = await hearing.live(audio, { language });
      const file = await hearing.file(audio, { language });
      for (const group of [groupOf(recording), 'all']) {
        const counts = groups.get(group) ?? { live: [], file: [] };
        counts.live.push(scoreText(text, textOf(live.finals), language));
        counts.file.push(scoreText(text, textOf(file), language));
        groups.set(group, counts);
      }
    }
    const where = level === undefined ? 'as recorded' : `${level} dB`;
    for (const [group, { live, file }] of groups) {
      const [liveRate, fileRate] = [errorRate(totalErrors(live)), errorRate(totalErrors(file))];
      const note = `${live.length} recordings, ${totalErrors(live).reference} words or characters`;
      metrics.push(
        scalarMetric(`${group}, ${where}, live`, 'share', liveRate, { note }),
        scalarMetric(`${group}, ${where}, files`, 'share', fileRate, { note }),
      );
    }
  }
  return { metrics, remarks: [] };
}

/** Recordings of one kind of speaker: the first part of their ids. */
function groupOf({ id, language }: LoadedRecording): string {
  return `${language} ${id.split('_')[0]}`;
}

/** As a microphone of 16 bits has it: quiet speech is coarse. */
const inSixteenBits = (sample: number): number => Math.round(sample * 32_768) / 32_768;

function withSilence(samples: Float32Array): Float32Array {
  const { placed, totalSamples } = place([{ samples } as LoadedRecording], GAP_MS);
  const audio = new Float32Array(totalSamples);
  audio.set(samples, (placed[0]?.startMs ?? 0) * 16);
  return audio;
}
