// Which texts are complete sentences, and which are heard up to a pause.
import t from 'tap';
import { isCompleteSentence } from '../../../server/src/asr/hypothesis/complete-sentence.js';
import { scriptedTokenizer } from '../../support/scripted-engine.js';

const tokenizer = scriptedTokenizer();

/** A text whose last token, and whose end, have a probability. */
function isComplete(text: string, { mark = 0.95, end = 0.95 as number | null } = {}): boolean {
  const ids = tokenizer.encodePrevious(text);
  const tokens = ids.map((id, i) => ({ id, logprob: i === ids.length - 1 ? Math.log(mark) : -0.1, frame: i }));
  return isCompleteSentence(
    {
      tokens,
      endLogprob: end === null ? null : Math.log(end),
      language: 'en',
      languageProbability: 1,
      noSpeechProbability: 0,
      draftAccepted: 0,
      steps: 1,
    },
    tokenizer,
  );
}

t.test('a sentence ends with a mark that the model is sure of', async (t) => {
  for (const text of ['That is all.', 'Is it?', 'Stop!', 'He said "no."', '我们走吧。', 'كيف حالك؟']) {
    t.ok(isComplete(text), text);
    t.notOk(isComplete(text, { mark: 0.5 }), `${text} in doubt`);
  }
});

t.test('it goes on where there is no mark, a comma or three dots', async (t) => {
  for (const text of ['and then we', 'First,', 'Well...', 'Well…', 'one;']) t.notOk(isComplete(text), text);
});

t.test('where nobody writes marks the end of the text counts', async (t) => {
  t.ok(isComplete('我们走吧'));
  t.notOk(isComplete('我们走吧', { end: 0.4 }));
  t.notOk(isComplete('我们走吧，'));
});

t.test('nothing, and what ran on to the bound of tokens, is no sentence', async (t) => {
  t.notOk(isComplete(''));
  t.notOk(isComplete('That is all.', { end: null }));
});
