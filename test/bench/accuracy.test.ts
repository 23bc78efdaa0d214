// Error rates over recordings, and the choice among stability policies.
import t from 'tap';
import type { LoadedRecording } from '../../bench/src/audio/playlist.js';
import { choosePolicy } from '../../bench/src/policy/choose-policy.js';
import { compareErrorRates, errorRateMetrics } from '../../bench/src/stream/error-rate-metrics.js';
import type { Hypothesis } from '../../bench/src/stream/hypotheses.js';

const heard = (said: string, text: string, language = 'en'): Hypothesis => {
  const recording: LoadedRecording = {
    id: said,
    path: '',
    language,
    text: said,
    words: [],
    utterances: [],
    samples: new Float32Array(),
  };
  return { recording, text };
};

t.test('errorRateMetrics: over all words, not a mean of rates; noise apart', async (t) => {
  const metrics = errorRateMetrics('streaming', [
    heard('Nine words are in this sentence, I am sure.', 'nine words are in this sentence i am sure'),
    heard('Hello!', 'yellow'),
    heard('', 'the the'),
  ]);
  t.match(metrics[0], {
    name: 'streamingErrorRate',
    value: 0.1,
    note: /2 recordings: 1 wrong, 0 missing, 0 too many of 10/,
  });
  t.match(metrics[1], { name: 'streamingWordsInNonSpeech', value: 2 });
});

t.test('errorRateMetrics: characters for languages without spaces', async (t) => {
  const [rate] = errorRateMetrics('streaming', [heard('今天天气很好。', '今天天汽很好', 'zh')]);
  t.match(rate, { value: 1 / 6, note: /^character/ });
});

t.test('compareErrorRates: streaming against offline', async (t) => {
  const said = 'one two three four five six seven eight nine ten'.replaceAll(/\w+/g, (word) => `${word}x`);
  const [oneWrong, twoWrong] = [said.replace('onex', 'a'), said.replace('onex', 'a').replace('twox', 'b')];
  const metrics = compareErrorRates([heard(said, twoWrong)], [heard(said, oneWrong)]);
  t.match(metrics.at(-1), { name: 'errorRateRatio', value: 2, target: { bound: 'atMost', value: 1.1 } });
  t.notOk(
    compareErrorRates([heard(said, twoWrong)], [heard(said, said)]).some(({ name }) => name === 'errorRateRatio'),
    'no ratio to a perfect transcript',
  );
});

t.test('choosePolicy: the quickest of those that are accurate and keep their word', async (t) => {
  const choice = choosePolicy([
    { policy: 'quick', wordLatencyMs: 300, errorRate: 0.2, corrected: 0 },
    { policy: 'fickle', wordLatencyMs: 400, errorRate: 0.1, corrected: 0.2 },
    { policy: 'good', wordLatencyMs: 700, errorRate: 0.103, corrected: 0.01 },
    { policy: 'slow', wordLatencyMs: 900, errorRate: 0.1, corrected: 0 },
  ]);
  t.equal(choice.winner, 'good');
  t.match(choice.reason, /quick is out with an error rate of 20\.0 %/);
  t.match(choice.reason, /fickle is out with 20\.0 % of its stable words taken back/);
});

t.test('choosePolicy: where none keeps its word, the one that breaks it least', async (t) => {
  const choice = choosePolicy([
    { policy: 'a', wordLatencyMs: 300, errorRate: 0.1, corrected: 0.3 },
    { policy: 'b', wordLatencyMs: 700, errorRate: 0.1, corrected: 0.2 },
  ]);
  t.equal(choice.winner, 'b');
});
