// Terms that are tried in finished texts: which stay, what they are told to be worth, and that rows do not feel it.
import { buildPrompt, WhisperNetwork, type WhisperDecoder } from '@sotto/models';
import t from 'tap';
import type { DecodedToken } from '../../../server/src/asr/engine.js';
import type { TermPlace } from '../../../server/src/asr/hotwords/term-places.js';
import { LogitsShelf } from '../../../server/src/asr/whisper/logits-shelf.js';
import { tryTerms } from '../../../server/src/asr/whisper/term-trials.js';
import { firstPass, stepPass } from '../../../server/src/asr/whisper/whisper-passes.js';
import { WhisperRow } from '../../../server/src/asr/whisper/whisper-row.js';
import { fixtureSamples, tinyWhisperFolder as directory } from '../../support/fixtures.js';

/** Windows of 2 s, of speech that differs. */
const SAMPLES = 32_000;
const CLIPS = ['en-recipe', 'en-question', 'en-market', 'en-weather', 'en-recipe'];
const windows = await Promise.all(
  CLIPS.map(async (clip, i) => (await fixtureSamples(clip)).subarray(i * 4_000, i * 4_000 + SAMPLES)),
);

/** A term is put in the place of `first` to `past`. */
const place = (
  first: number,
  past: number,
  tokens: readonly number[],
  costMax: number,
  costOfDoubt = 0,
): TermPlace => ({
  first,
  past,
  tokens,
  costMax,
  costOfDoubt,
});

/** More than are fed without a look at how each begins; all within any text of six tokens. */
const MANY = [0, 1, 2, 3, 4, 5].flatMap((at) => [11, 12, 13].map((id) => place(at, at + 1, [id], 1 + at + id / 4)));

const idsOf = (one: { tokens: readonly DecodedToken[] } | undefined): number[] => one?.tokens.map(({ id }) => id) ?? [];

const CACHES = [{ cache: 'growing' }, { cache: 'inPlace', kernels: 'cuda' }] as const;
const FORMS = CACHES.flatMap((options) => [false, true].map((timestamps) => ({ options, timestamps })));

for (const { options, timestamps } of FORMS) {
  t.test(`in a cache that is ${options.cache}, ${timestamps ? 'with' : 'without'} timestamps`, async (t) => {
    const network = await WhisperNetwork.load(directory, { threads: 1, timestamps, ...options });
    t.teardown(() => network.close());
    const { special, firstTimestamp } = network;
    const { endOfText } = special;
    const told = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
    const languageToken = special.languages.get('en');
    const prompt = buildPrompt(network.config, special, { ...told, languageToken, firstTimestamp });
    const limits = {
      endOfText,
      maxTextTokens: 100,
      maxTokens: network.config.maxTargetPositions,
      firstTimestamp,
    };

    /** Texts of windows, after the places were tried. */
    async function texts(
      which: readonly number[],
      placesOf: (window: number) => readonly TermPlace[] | undefined,
      shelf?: LogitsShelf,
    ): Promise<{ tokens: readonly DecodedToken[]; end: number | null }[]> {
      const audio = new Float32Array(which.length * SAMPLES);
      for (const [i, window] of which.entries()) audio.set(windows[window] ?? [], i * SAMPLES);
      const decoder = await network.hear(
        audio,
        which.map(() => SAMPLES),
      );
      const rows = which.map(() => {
        const request = { audio, prompt: told, draft: [], temperature: 0, seed: 0, timestamps };
        return new WhisperRow(request, prompt, limits);
      });
      await decodeAll(decoder, rows, shelf);
      const places = which.map((window) => {
        const found = placesOf(window);
        return found === undefined ? undefined : { find: async () => [...found] };
      });
      await tryTerms(decoder, rows, places, endOfText, async () => {});
      shelf?.clear();
      decoder.close();
      return rows.map((row) => ({ tokens: row.tokens, end: row.endLogprob }));
    }

    async function decodeAll(
      decoder: WhisperDecoder,
      rows: readonly WhisperRow[],
      shelf: LogitsShelf | undefined,
    ): Promise<void> {
      const first = await firstPass(decoder, rows, endOfText, shelf);
      for (const [i, row] of rows.entries()) row.takeVerified(first.text[i] ?? []);
      while (rows.some((row) => !row.finished)) await stepPass(decoder, rows, endOfText, shelf);
    }

    const all = await texts([...windows.keys()], () => undefined);
    const [seed = 0, other = 0] = all.flatMap(({ tokens, end }, i) => (end !== null && tokens.length >= 6 ? [i] : []));
    t.not(other, 0, 'two texts that end by themselves');
    const plain = idsOf(all[seed]);

    t.test('what may cost anything is written, with the tokens around it as they were', async (t) => {
      const [result] = await texts([seed], () => [place(2, 4, [11, 12, 13], 1e6)]);
      t.strictSame(idsOf(result), [...plain.slice(0, 2), 11, 12, 13, ...plain.slice(4)]);
      const [first] = await texts([seed], () => [place(0, 1, [21], 1e6)]);
      t.strictSame(idsOf(first), [21, ...plain.slice(1)]);
      const [last] = await texts([seed], () => [place(plain.length - 1, plain.length, [21, 22], 1e6)]);
      t.strictSame(idsOf(last), [...plain.slice(0, -1), 21, 22]);
    });

    t.test('what may cost nothing is not', async (t) => {
      const places = [place(2, 4, [11, 12, 13], -1e-6), place(0, 1, [21], -1e-6)];
      t.strictSame(idsOf((await texts([seed], () => places))[0]), plain);
    });

    t.test('the cost is that of the tokens and of the three behind them', async (t) => {
      const term = [11, 12];
      const [forced] = await texts([seed], () => [place(1, 2, term, 1e6)]);
      // What the decoder thinks of the rest, told what is before it.
      const told = [...plain.slice(0, 1), ...term];
      const decoded = forced?.tokens ?? [];
      t.strictSame(idsOf(forced).slice(0, 3), told);
      const before = all[seed]?.tokens ?? [];
      const written = before.slice(1, 5).reduce((sum, { logprob }) => sum + logprob, 0);
      const termCost = decoded.slice(1, 3).reduce((sum, { logprob }) => sum + logprob, 0);
      t.ok(termCost < 0 && decoded.slice(1, 3).every(({ frame }) => frame >= 0));
      const least = written - termCost;
      t.strictSame(idsOf((await texts([seed], () => [place(1, 2, term, least - 1e-3)]))[0]), plain, 'the tokens alone');
    });

    t.test('of places that overlap one is taken, others all', async (t) => {
      const places = [place(1, 3, [11], 1e6), place(2, 4, [12], 2e6), place(4, 5, [13], 1e6)];
      const [result] = await texts([seed], () => places);
      t.strictSame(idsOf(result), [...plain.slice(0, 2), 12, 13, ...plain.slice(5)]);
    });

    t.test('where the model doubted what it wrote a term may cost more, up to a bound', async (t) => {
      const [{ tokens = [] } = {}] = [all[seed]];
      const at = tokens.findIndex(({ logprob }) => logprob < -0.5);
      t.not(at, -1, 'there is such a token');
      t.strictSame(idsOf((await texts([seed], () => [place(at, at + 1, [11], -1e-6, 0)]))[0]), plain);
      const doubted = await texts([seed], () => [place(at, at + 1, [11], -1e6, 2.1e6)]);
      t.strictSame(idsOf(doubted[0]), [...plain.slice(0, at), 11, ...plain.slice(at + 1)]);
      const bounded = await texts([seed], () => [place(0, plain.length, [11], -1e6, 0.4e6)]);
      t.strictSame(idsOf(bounded[0]), plain, 'no more than of two');
    });

    t.test('where the text says the same in two places, one that may stay lets the other cost more', async (t) => {
      const again = all.flatMap(({ tokens, end }, window) => {
        const ids = idsOf({ tokens });
        const at = ids.findIndex((id, i) => ids.indexOf(id, i + 2) > 0);
        return end === null || at < 0 ? [] : [{ window, ids, at, other: ids.indexOf(ids[at] ?? 0, at + 2) }];
      })[0];
      if (again === undefined) {
        t.fail('no text says anything twice');
        return;
      }
      const { window, ids, at, other } = again;
      const written = (...places: readonly number[]) => ids.map((id, i) => (places.includes(i) ? 11 : id));
      const tried = async (...places: TermPlace[]) => idsOf((await texts([window], () => places))[0]);
      // What the second place costs, to within 0.1.
      let [little, much] = [0, 100];
      while (much - little > 0.1) {
        const cost = (little + much) / 2;
        const stays = (await tried(place(other, other + 1, [11], cost))).join() === written(other).join();
        [little, much] = stays ? [little, cost] : [cost, much];
      }
      const first = place(at, at + 1, [11], 1e6);
      t.strictSame(await tried(first, place(other, other + 1, [11], much - 5)), written(at, other));
      t.strictSame(await tried(first, place(other, other + 1, [11], much - 7)), written(at), 'not much more');
      t.strictSame(await tried(place(other, other + 1, [11], much - 5)), ids, 'not by itself');
    });

    t.test('with logits that were kept the same texts come out, and if they do not fit', async (t) => {
      const wanted = await texts([seed, other], () => MANY);
      for (const bytes of [32e6, 500_000, 0]) {
        const kept = await texts([seed, other], () => MANY, new LogitsShelf(bytes));
        t.strictSame(kept.map(idsOf), wanted.map(idsOf), `${bytes} bytes`);
      }
    });

    t.test('rows do not feel each other', async (t) => {
      const places = (one: number): TermPlace[] | undefined =>
        one === seed ? [place(2, 4, [11, 12, 13], 1e6), place(5, 6, [14], 1e6)] : one === other ? undefined : [];
      const third = [...windows.keys()].find((window) => window !== seed && window !== other) ?? 0;
      const together = await texts([other, seed, third], places);
      t.strictSame(idsOf(together[1]), idsOf((await texts([seed], places))[0]));
      t.strictSame(idsOf(together[0]), idsOf(all[other]));
      t.strictSame(idsOf(together[2]), idsOf(all[third]));
    });

    t.test('a text that its limit ended stays as it is', async (t) => {
      const long = all.findIndex(({ end }) => end === null);
      t.not(long, -1, 'there is one');
      t.strictSame(idsOf((await texts([long], () => [place(0, 1, [21], 1e6)]))[0]), idsOf(all[long]));
    });
  });
}
