// Word or character error rates of what was heard, streaming and offline.
import { comparedUnit, comparedUnits, errorRate, scoreText, totalErrors, type ErrorCounts } from '@sotto/models';
import { atMost, scalarMetric, type Metric } from '../report/metric.js';
import type { Hypothesis } from './hypotheses.js';

/** Streaming may have this many times the error rate of offline decoding. */
const RATIO_MAX = 1.1;

/** Error rate over the recordings with text, and words heard where nobody speaks. */
export function errorRateMetrics(mode: 'streaming' | 'offline', heard: readonly Hypothesis[]): Metric[] {
  const spoken = heard.filter(({ recording: { text } }) => text !== '');
  const silent = heard.filter(({ recording: { text } }) => text === '');
  const counts = countsOf(spoken);
  const units = [...new Set(spoken.map(({ recording: { language } }) => comparedUnit(language)))];
  const invented = silent.reduce((sum, { recording, text }) => sum + comparedUnits(text, recording.language).length, 0);
  return [
    scalarMetric(`${mode}ErrorRate`, 'share', rateOf(counts), {
      note: `${units.join(' and ') || 'word'} errors ÷ reference over ${spoken.length} recordings: ${describe(counts)}`,
    }),
    ...(silent.length === 0
      ? []
      : [
          scalarMetric(`${mode}WordsInNonSpeech`, 'words', invented, {
            note: `in ${silent.length} recordings without speech`,
          }),
        ]),
  ];
}

/** The offline error rate, and streaming against it. */
export function compareErrorRates(streaming: readonly Hypothesis[], offline: readonly Hypothesis[]): Metric[] {
  const [live, file] = [streaming, offline].map((heard) =>
    rateOf(countsOf(heard.filter(({ recording: { text } }) => text !== ''))),
  );
  const ratio = live === undefined || file === undefined || file === 0 ? undefined : live / file;
  return [
    ...errorRateMetrics('offline', offline),
    ...(ratio === undefined
      ? []
      : [scalarMetric('errorRateRatio', 'streaming / offline', ratio, { target: atMost('value', RATIO_MAX) })]),
  ];
}

const countsOf = (heard: readonly Hypothesis[]): ErrorCounts =>
  totalErrors(heard.map(({ recording, text }) => scoreText(recording.text, text, recording.language)));

/** 0 where there is no reference at all: then there is no rate either, and `n` in the note says so. */
const rateOf = (counts: ErrorCounts): number => (counts.reference === 0 ? 0 : errorRate(counts));

const describe = ({ substitutions, deletions, insertions, reference }: ErrorCounts): string =>
  `${substitutions} wrong, ${deletions} missing, ${insertions} too many of ${reference}`;
