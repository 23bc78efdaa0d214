// Where a window of a file is parted because its language changes.
import t from 'tap';
import { mayBeMixed, partsByLanguage, piecesOf } from '../../../server/src/asr/files/language-parts.js';
import { longestUnheardMs } from '../../../server/src/asr/files/unheard-speech.js';

/** Frames of 32 ms: speech and silence in turn, milliseconds each. */
const speech = (...ms: number[]): Float32Array =>
  Float32Array.from(ms.flatMap((length, i) => Array<number>(Math.round(length / 32)).fill(i % 2 === 0 ? 0.9 : 0.1)));
const samplesOf = (frames: Float32Array): number => frames.length * 512;

t.test('another language is looked for where speech has no words, or the model is unsure', async (t) => {
  const two = { en: 0.8, zh: 0.15 };
  t.ok(mayBeMixed(two, 4_000, -0.1));
  t.ok(mayBeMixed(two, 500, -0.7));
  t.notOk(mayBeMixed(two, 500, -0.1), 'all has words');
  const one = { en: 0.97, zh: 0.02 };
  t.ok(mayBeMixed(one, 4_000, -0.1), 'the model may hear one language only, and leave out the other');
  t.notOk(mayBeMixed(one, 500, -0.7), 'it is unsure of one language');
});

t.test('the longest speech without words is found before, between and after them', async (t) => {
  const frames = speech(3_200, 320, 3_200);
  t.equal(longestUnheardMs([], frames), 6_400);
  t.equal(longestUnheardMs([{ frame: 170 }], frames), 3_200, 'a word in the pause');
  t.equal(longestUnheardMs([{ frame: 80 }, { frame: 170 }, { frame: 260 }], frames), 1_664);
});

t.test('pieces lie between pauses, have speech enough to tell a language, and are all of the window', async (t) => {
  const frames = speech(2_048, 512, 640, 512, 3_200, 96, 2_048, 512, 320);
  const pieces = piecesOf(frames, samplesOf(frames));
  t.equal(pieces.length, 2, 'the short ones go with others, and 96 ms are no pause');
  t.equal(pieces[0]?.from, 0);
  t.equal(pieces[0]?.to, pieces[1]?.from);
  t.equal(pieces.at(-1)?.to, samplesOf(frames));
  t.same(piecesOf(speech(320), 5_000), [{ from: 0, to: 5_000 }]);
});

/** 10 samples and what is spoken in them. */
const piece = (from: number, language: string, probability = 0.95, others: Record<string, number> = {}) => ({
  from,
  to: from + 10,
  guess: { language, probability },
  probabilities: { [language]: probability, ...others },
});

t.test('neighbours of a language are one part, and doubtful ones go with those before', async (t) => {
  const mixed = [
    piece(0, 'zh', 0.5, { de: 0.3 }),
    piece(10, 'de'),
    piece(20, 'en', 0.6, { de: 0.2 }),
    piece(30, 'en'),
    piece(40, 'en'),
  ];
  t.same(partsByLanguage(mixed), [
    { from: 0, to: 30, language: 'de' },
    { from: 30, to: 50, language: 'en' },
  ]);
  const learner = [piece(0, 'en'), piece(10, 'zh', 0.7, { en: 0.2 }), piece(20, 'en')];
  t.same(partsByLanguage(learner), [], 'one language');
  t.same(partsByLanguage([piece(0, 'en', 0.7), piece(10, 'zh', 0.7)]), [], 'it is sure of none');
  t.same(partsByLanguage([{ from: 0, to: 10, guess: undefined, probabilities: {} }]), []);
});

t.test('a doubtful one goes with no neighbour of whose language nothing was heard in it', async (t) => {
  const doubtful = (from: number) => piece(from, 'en', 0.6, { zh: 0.3 });
  t.same(
    partsByLanguage([doubtful(0), piece(10, 'pt'), doubtful(20), piece(30, 'pt')]).map(({ language }) => language),
    ['en', 'pt', 'en', 'pt'],
  );
});
