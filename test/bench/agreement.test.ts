// How the agreement bench counts, on an engine whose tokens are known.
import t from 'tap';
import { agreementOf, decodeAlone, DRAFTS, sameInBatches, sameWithDraft } from '../../bench/src/engine/agreement.js';
import { CountingEngine } from '../support/counting-engine.js';

const windows = [48_000, 64_000, 92_800].map((length) => new Float32Array(length));

t.test('an engine agrees with itself, alone, in batches and with any draft', async (t) => {
  const engine = new CountingEngine();
  const plain = await decodeAlone(engine, windows, 'en');
  const tokens = plain.reduce((sum, result) => sum + result.tokens.length, 0);
  t.same(agreementOf(plain, plain), {
    windows: 3,
    windowsSame: 3,
    tokens,
    tokensSame: tokens,
    framesNear: tokens,
    logprobError: 0,
  });
  t.equal(await sameInBatches(engine, windows, plain, 'en', 2), 3);
  for (const draft of Object.values(DRAFTS)) t.equal(await sameWithDraft(engine, windows, plain, 'en', draft), 3);
});

t.test(
  'what differs is counted: tokens up to the first other one, frames and log-probabilities among these',
  async (t) => {
    const [wanted] = await decodeAlone(new CountingEngine(), windows.slice(2), 'en');
    if (wanted === undefined) throw new Error('one window');
    const tokens = wanted.tokens.map((token, at) => ({
      ...token,
      id: at === 3 ? token.id + 1 : token.id,
      frame: at === 1 ? token.frame + 2 : token.frame,
      logprob: at === 2 ? token.logprob - 0.5 : token.logprob,
    }));
    t.match(agreementOf([wanted], [{ ...wanted, tokens }]), {
      windowsSame: 0,
      tokens: tokens.length,
      tokensSame: 3,
      framesNear: 2,
      logprobError: 0.5,
    });
    t.throws(() => agreementOf([wanted], []), { code: 'mismatch' });
  },
);

t.test('an engine that believes its draft is caught by a wrong one', async (t) => {
  const credulous = new CountingEngine({ wrongWithDraft: true });
  const plain = await decodeAlone(credulous, windows, 'en');
  t.equal(await sameWithDraft(credulous, windows, plain, 'en', DRAFTS.wrong), 0);
});
