// Where a hypothesis that ended early has to be gone on with, and where it has not.
import t from 'tap';
import { unheardSpeech, type UnheardSpeech } from '../../../server/src/asr/files/unheard-speech.js';

/** Frames of 32 ms: speech where the spans say, milliseconds. */
function speech(lengthMs: number, ...spans: readonly (readonly [number, number])[]): Float32Array {
  return Float32Array.from({ length: Math.round(lengthMs / 32) }, (_, frame) =>
    spans.some(([from, to]) => frame * 32 >= from && frame * 32 < to) ? 0.9 : 0.05,
  );
}

/** Tokens that attend these moments; negative ones begin a sentence. */
const tokens = (...attendedMs: number[]) =>
  attendedMs.map((ms) => ({ frame: Math.abs(ms) / 20, beginsSentence: ms < 0, continuesWord: false }));
const ms = (unheard: UnheardSpeech | undefined): number => (unheard?.from ?? Number.NaN) / 16;

t.test('a hypothesis that goes on to the end is whole', async (t) => {
  t.equal(unheardSpeech(tokens(500, 1_500, 3_000, 4_600), speech(5_000, [200, 4_900])), undefined);
});

t.test('silence behind the last word is no speech', async (t) => {
  t.equal(unheardSpeech(tokens(500, 1_500), speech(9_000, [200, 1_800])), undefined);
});

t.test('a breath or the end of a long last word is not decoded again', async (t) => {
  t.equal(unheardSpeech(tokens(500, 1_500), speech(9_000, [200, 2_000], [5_000, 5_400])), undefined);
});

t.test('speech behind a pause that was not heard is decoded from the middle of the pause', async (t) => {
  const from = ms(unheardSpeech(tokens(500, 1_500, 2_800), speech(9_000, [200, 3_000], [4_000, 8_000])));
  t.ok(from > 3_300 && from < 3_700, `${from} ms`);
});

t.test('where nobody pauses it goes on a moment behind the last word', async (t) => {
  const from = ms(unheardSpeech(tokens(500, 1_500, 2_800), speech(9_000, [200, 8_800])));
  t.ok(from >= 2_800 && from < 3_400, `${from} ms`);
});

t.test('nothing was heard of much speech', async (t) => {
  t.ok(ms(unheardSpeech([], speech(9_000, [1_000, 8_000]))) < 1_000);
});

t.test('a sentence between two others that has no words is decoded again, with all that follows', async (t) => {
  const spoken = speech(12_000, [200, 3_000], [4_000, 7_500], [8_500, 11_000]);
  const unheard = unheardSpeech(tokens(500, 1_500, 2_800, 8_900, 10_500), spoken);
  t.equal(unheard?.heard, 3);
  t.ok(ms(unheard) > 3_300 && ms(unheard) < 3_700, `${ms(unheard)} ms`);
});

t.test('a gap ends at the pause before the next word', async (t) => {
  const spoken = speech(12_000, [200, 3_000], [4_000, 7_500], [8_500, 11_000]);
  const { to = 0 } = unheardSpeech(tokens(-500, 1_500, 2_800, -8_900, 10_500), spoken)?.part ?? {};
  t.ok(to / 16 > 7_500 && to / 16 < 8_500, `${to / 16} ms`);
  t.equal(unheardSpeech(tokens(500, 2_800), spoken)?.part.to, spoken.length * 512, 'or of the segment');
});

t.test('the first word of a sentence that goes on behind the gap is none before it', async (t) => {
  const spoken = speech(12_000, [200, 3_000], [4_000, 7_500], [8_500, 11_000]);
  const unheard = unheardSpeech(tokens(-500, 1_500, 2_800, -4_100, 8_900, 10_500), spoken);
  t.same([unheard?.index, unheard?.heard], [4, 3]);
  const { from = 0 } = unheard?.part ?? {};
  t.ok(from / 16 > 3_000 && from / 16 < 4_000, `${from / 16} ms`);
  t.ok(ms(unheard) > 4_000, 'the rest begins behind it');
  t.equal(unheardSpeech(tokens(-500, 1_500, 2_800, -4_100, -8_900), spoken)?.heard, 4, 'a sentence of one word is');
});

t.test('a word that is drawn out and a pause in thought have no words left out', async (t) => {
  t.equal(unheardSpeech(tokens(500, 1_500, 3_600, 4_600), speech(5_000, [200, 4_900])), undefined);
  t.equal(unheardSpeech(tokens(500, 1_500, 8_600, 9_600), speech(10_000, [200, 2_000], [8_300, 9_900])), undefined);
});

t.test('what was decoded again already is not asked for once more', async (t) => {
  const spoken = speech(12_000, [200, 3_000], [4_000, 7_500], [8_500, 11_000]);
  t.equal(unheardSpeech(tokens(500, 1_500, 2_800, 8_900, 10_500), spoken, 4), undefined);
});

t.test('a gap within a word is before that word', async (t) => {
  const spoken = speech(12_000, [200, 3_000], [4_000, 7_500], [8_500, 11_000]);
  const word = tokens(-500, 1_500, 2_800, 4_100, 8_900, 10_500).map((token, at) => ({
    ...token,
    continuesWord: at === 4,
  }));
  const unheard = unheardSpeech(word, spoken);
  t.same([unheard?.index, unheard?.heard], [4, 3]);
  t.ok(ms(unheard) > 3_000 && ms(unheard) < 4_000, `${ms(unheard)} ms`);
});
