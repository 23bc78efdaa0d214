import * as fc from 'fast-check';
import t from 'tap';
import type { DecodedToken, DecodeResult } from '../../../server/src/asr/engine.js';
import { HypothesisTracker } from '../../../server/src/asr/hypothesis/hypothesis-tracker.js';
import {
  alignAtt,
  allOf,
  type Hypothesis,
  localAgreement,
  type StabilityPolicy,
} from '../../../server/src/asr/hypothesis/stability-policy.js';
import { holds } from '../../support/property.js';
import { scriptedTokenizer } from '../../support/scripted-engine.js';

const tokenizer = scriptedTokenizer();
const everything: StabilityPolicy = ({ tokens }) => tokens.length;

const hypothesis = (ids: readonly number[], frames: readonly number[], heardMs: number): Hypothesis => ({
  tokens: ids.map((id, i) => ({ id, logprob: -0.1, frame: frames[i] ?? 0 })),
  heardSamples: heardMs * 16,
});

/** What an engine would answer that hears `text` behind `committed`, at 20 tokens a second. */
function heard(text: string, committed: readonly number[] = [], more: Partial<DecodeResult> = {}): DecodeResult {
  const tokens = tokenizer.encode(text).map((id, i): DecodedToken => ({ id, logprob: -0.1, frame: i * 5 }));
  return {
    tokens: tokens.slice(committed.length),
    endLogprob: -0.1,
    language: 'en',
    languageProbability: 1,
    noSpeechProbability: 0.01,
    draftAccepted: 0,
    steps: 1,
    ...more,
  };
}

t.test('AlignAtt: stable up to the first token that attends the last 400 ms', async (t) => {
  const policy = alignAtt();
  // 3 s are 150 frames: frame 130 is the last stable one.
  t.equal(policy(hypothesis([1, 2, 3], [10, 130, 131], 3_000), null), 2);
  t.equal(policy(hypothesis([1, 2, 3], [10, 140, 20], 3_000), null), 1, 'all before it must be stable');
  t.equal(policy(hypothesis([1], [1], 300), null), 0, 'there is no more audio than the holdback');
  t.equal(alignAtt(1_000)(hypothesis([1, 2], [100, 101], 3_000), null), 1);
});

t.test('LocalAgreement-2: what two successive hypotheses begin with', async (t) => {
  const policy = localAgreement();
  t.equal(policy(hypothesis([1, 2, 3], [], 1_000), null), 0, 'the first has nothing to agree with');
  t.equal(policy(hypothesis([1, 2, 4], [], 1_000), hypothesis([1, 2, 3], [], 900)), 2);
  t.equal(policy(hypothesis([1, 2], [], 1_000), hypothesis([1, 2, 3], [], 900)), 2);
});

t.test('both: the smaller of the two', async (t) => {
  const policy = allOf(alignAtt(), localAgreement());
  t.equal(policy(hypothesis([1, 2, 3], [1, 140, 141], 3_000), hypothesis([1, 2, 3], [], 900)), 1);
  t.equal(policy(hypothesis([1, 2, 3], [1, 2, 3], 3_000), hypothesis([1, 9, 3], [], 900)), 1);
});

t.test('whole words are committed, and only those that another word follows', async (t) => {
  const tracker = new HypothesisTracker(tokenizer, everything);
  t.same(tracker.advance(heard(' hello wor'), 16_000), { stable: 'hello', tentative: ' wor' });
  t.same(tokenizer.decode(tracker.committed), ' hello');
  t.same(tokenizer.decode(tracker.draft), ' wor');
  t.same(
    tracker.advance(heard(' hello world.', tracker.committed), 32_000),
    { stable: 'hello world', tentative: '.' },
    'a mark is a word of its own',
  );
});

t.test('a policy that ends inside a word commits up to the word before', async (t) => {
  const tracker = new HypothesisTracker(tokenizer, () => tokenizer.encode(' hello wor').length);
  t.same(tracker.advance(heard(' hello world now'), 16_000), { stable: 'hello', tentative: ' world now' });
});

t.test('languages without spaces commit by character; a cut character is not shown', async (t) => {
  const tracker = new HypothesisTracker(tokenizer, everything);
  const zh = { language: 'zh' };
  t.same(tracker.advance(heard('你好', [], zh), 16_000), { stable: '你', tentative: '好' });
  const cut = heard('你好世界', tracker.committed, zh);
  const withoutLastByte = { ...cut, tokens: cut.tokens.slice(0, -1) };
  t.same(tracker.advance(withoutLastByte, 32_000), { stable: '你好世', tentative: '' });
  t.equal(tracker.language, 'zh');
});

t.test('a loop is cut to its first copy and commits nothing, even if policies agree on it', async (t) => {
  const tracker = new HypothesisTracker(tokenizer, everything);
  const loop = heard(' thank you and and and and and and and and');
  const stuck = { ...loop, tokens: loop.tokens.map((token) => ({ ...token, frame: 40 })) };
  t.same(tracker.advance(stuck, 16_000), { stable: '', tentative: 'thank you and' });
  t.same(tracker.committed, []);
});

t.test('an unsure hypothesis is shown and not committed, silence is not shown', async (t) => {
  const tracker = new HypothesisTracker(tokenizer, everything);
  const unsure = heard(' hm hm hello');
  const doubted = { ...unsure, endLogprob: -2, tokens: unsure.tokens.map((token) => ({ ...token, logprob: -2 })) };
  t.same(tracker.advance(doubted, 16_000), { stable: '', tentative: 'hm hm hello' });
  t.same(tracker.advance({ ...doubted, noSpeechProbability: 0.9 }, 32_000), { stable: '', tentative: '' });
});

t.test('stable text only grows, and is what the committed tokens spell, whatever is heard', async (t) => {
  const word = fc.constantFrom('the', 'and', 'singing', 'a', 'naïve', '你好', '25', '"no"', 'é', '–', 'x.');
  const utterance = fc.array(word, { maxLength: 8 }).map((words) => words.map((one) => ` ${one}`).join(''));
  const hearing = fc.record({
    text: utterance,
    cut: fc.nat(3),
    stable: fc.nat(40),
    language: fc.constantFrom('en', 'zh'),
    unsure: fc.boolean(),
  });
  holds(
    t,
    fc.property(fc.array(hearing, { minLength: 1, maxLength: 12 }), (hearings) => {
      let limit = 0;
      const tracker = new HypothesisTracker(tokenizer, ({ tokens }) => Math.min(limit, tokens.length));
      let before = '';
      for (const { text, cut, stable, language, unsure } of hearings) {
        limit = stable;
        const full = heard(text, [], { language });
        const tokens = full.tokens
          .slice(0, full.tokens.length - cut)
          .map((token) => (unsure ? { ...token, logprob: -5 } : token));
        const now = tracker.advance({ ...full, tokens }, 16_000);
        if (!now.stable.startsWith(before)) throw new Error(`"${before}" became "${now.stable}"`);
        if (tokenizer.decode(tracker.committed).trimStart() !== now.stable)
          throw new Error('the committed tokens spell something else');
        before = now.stable;
      }
    }),
  );
});

t.test('a decode of the whole that understands nothing more takes no shown words away', async (t) => {
  const tracker = new HypothesisTracker(tokenizer, everything);
  const shown = tracker.advance(heard('the quick brown'), 32_000);
  t.same(shown, { stable: 'the quick', tentative: ' brown' });
  t.same(tracker.review(heard('the quick'), 40_000), shown, 'only what is stable was heard');
  t.same(tracker.review(heard('', [], { noSpeechProbability: 0.9, endLogprob: -3 }), 40_000), shown, 'nothing was');
  t.same(tracker.review(heard('the quick brown fox'), 40_000), { stable: 'the quick brown', tentative: ' fox' });
});
