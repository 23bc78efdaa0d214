// Decoders: what those that remember in place refuse and share, what goes on from several places of a text at once, and
// that nothing stays behind.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveHandles, WhisperNetwork, type Choices, type DecoderInput, type WhisperDecoder } from '@sotto/models';
import t, { type Test } from 'tap';
import { RANDOM_WHISPER, randomAudio, writeRandomWhisper } from '../support/random-whisper.js';

const folder = await mkdtemp(join(tmpdir(), 'sotto-decoders-'));
t.teardown(() => rm(folder, { recursive: true }));
const directory = await writeRandomWhisper(join(folder, 'whisper'));
const options = { threads: 1, kernels: 'cuda', cache: 'inPlace' } as const;

/** One row after the other, each from its place on; no token: padding. */
function rows(tokens: readonly (readonly (number | null)[])[], from: number, more: Partial<DecoderInput> = {}) {
  const width = tokens[0]?.length ?? 0;
  return {
    batch: tokens.length,
    tokens: tokens.flatMap((row) => row.map((token) => token ?? 0)),
    positions: tokens.flatMap((row) => row.map((_, i) => from + i)),
    present: tokens.flatMap((row) => row.map((token) => token !== null)),
    select: tokens.map((_, row) => row * width + width - 1),
    rules: tokens.map(() => 'text' as const),
    logits: false,
    ...more,
  } satisfies DecoderInput;
}

for (const stepGraphs of [false, true]) {
  t.test(`tokens that a cache in place cannot take are refused (recorded steps: ${stepGraphs})`, async (t) => {
    const network = await WhisperNetwork.load(directory, { ...options, stepGraphs });
    t.teardown(() => network.close());
    const decoder = await network.hear(randomAudio(1, 6_400), [6_400]);
    const refused = { name: 'OrtError', code: 'invalid_argument' };
    await t.rejects(decoder.advance(rows([[1, null, 3]], 0)), { ...refused, message: /after its padding/ });
    await decoder.advance(rows([[1, 2, 3]], 0));
    t.equal(decoder.places, 3);
    await t.rejects(decoder.advance(rows([[4, 5]], 3)), { ...refused, message: /not the first/ });
    t.throws(() => decoder.forget(0, 1, 2), { ...refused, message: /only the last/ });
    decoder.forget(0, 2, 3);
    t.equal(decoder.places, 2);
    const { maxTargetPositions: most } = RANDOM_WHISPER;
    for (let place = 2; place < most; place += 1) await decoder.advance(rows([[place]], place));
    await t.rejects(decoder.advance(rows([[1]], 0)), { ...refused, message: new RegExp(`more than ${most}`) });
    decoder.restart();
    t.equal(decoder.places, 0);
    await decoder.advance(rows([[1]], 0));
    decoder.close();
    decoder.close();
  });
}

t.test('what was forgotten is overwritten: choices are those of a text without it', async (t) => {
  for (const stepGraphs of [false, true]) {
    const network = await WhisperNetwork.load(directory, { ...options, stepGraphs });
    const audio = randomAudio(2, 6_400);
    const plain = await network.hear(audio, [6_400]);
    await plain.advance(rows([[9, 8]], 0));
    const wanted = await plain.advance(rows([[7]], 2));
    plain.close();
    const other = await network.hear(audio, [6_400]);
    await other.advance(rows([[9, 8, 50, 51]], 0));
    other.forget(0, 2, 4);
    same(t, await other.advance(rows([[7]], 2)), wanted);
    other.close();
    network.close();
  }
});

t.test(
  'recorded steps: decoders that are open together do not feel each other, nor who had their buffers before',
  async (t) => {
    const plain = await WhisperNetwork.load(directory, options);
    const recorded = await WhisperNetwork.load(directory, { ...options, stepGraphs: true });
    const heard = [6_400, 3_200, 6_400];
    const expected: Choices[] = [];
    for (const seed of [10, 20, 30]) {
      const decoder = await plain.hear(audio(seed), heard);
      expected.push(await play(decoder, seed));
      decoder.close();
    }
    // Three rows in buffers of four; the third decoder takes the first one's.
    const one = await recorded.hear(audio(10), heard);
    const two = await recorded.hear(audio(20), heard);
    same(t, await play(two, 20), expected[1]);
    same(t, await play(one, 10), expected[0]);
    one.close();
    const three = await recorded.hear(audio(30), heard);
    same(t, await play(three, 30), expected[2]);
    three.close();
    two.close();
    plain.close();
    recorded.close();
  },
);

t.test('steps that a recording cannot do are run as they are: logits, and the first token of a text', async (t) => {
  const network = await WhisperNetwork.load(directory, { ...options, stepGraphs: true });
  t.teardown(() => network.close());
  const decoder = await network.hear(randomAudio(4, 6_400), [6_400]);
  await decoder.advance(rows([[1, 2]], 0));
  const told = await decoder.advance(rows([[3]], 2, { logits: true }));
  t.equal(told.logits.length, 8 * Math.ceil(RANDOM_WHISPER.vocabulary / 8));
  t.ok(
    told.logits.subarray(RANDOM_WHISPER.vocabulary).every((logit) => logit === -Infinity),
    'there are no tokens behind the vocabulary',
  );
  const first = await decoder.advance(rows([[4]], 3, { rules: ['begin'] }));
  t.equal(first.best.length, 1);
  decoder.close();
});

t.test('where somebody is known to speak, a text without words is less likely, and nothing else changes', async (t) => {
  const network = await WhisperNetwork.load(directory, options);
  t.teardown(() => network.close());
  const decoder = await network.hear(randomAudio(5, 6_400), [6_400]);
  const select = [1, 1];
  const { logits } = await decoder.advance(
    rows([[1, 2]], 0, { select, rules: ['begin', 'beginSpoken'], logits: true }),
  );
  const [any, spoken] = [logits.subarray(0, logits.length / 2), logits.subarray(logits.length / 2)];
  const { endOfText } = RANDOM_WHISPER;
  const less = (any[endOfText] ?? 0) - (spoken[endOfText] ?? 0);
  t.ok(less > 1 && less < 10, `the end by ${less}`);
  t.same(
    spoken.filter((_, token) => token !== endOfText),
    any.filter((_, token) => token !== endOfText),
  );
  decoder.close();
});

t.test('logits that are kept tell of any token later, whatever ran since, until they are closed', async (t) => {
  const before = liveHandles();
  for (const opened of [options, { threads: 1, cache: 'growing' }] as const) {
    const network = await WhisperNetwork.load(directory, opened);
    const decoder = await network.hear(audio(4), [6_400, 6_400, 6_400]);
    const three = [[1], [2], [3]];
    const told = await decoder.advance(rows(three, 0, { candidates: three.map(() => [5, 9]), keepsLogits: true }));
    const { kept } = told;
    t.equal((await decoder.advance(rows(three, 1))).kept, undefined, 'only where it is asked for');
    for (const [row, logits] of told.candidateLogits.entries()) {
      const [five = 0, , best = 0] = logits;
      const logprob = told.logprob[row] ?? Number.NaN;
      t.ok(Math.abs((kept?.logprobOf(row, 5) ?? Number.NaN) - (five - best + logprob)) < 1e-5);
      t.ok(Math.abs((kept?.logprobOf(row, told.best[row] ?? 0) ?? Number.NaN) - logprob) < 1e-5);
    }
    t.ok((kept?.bytes ?? 0) >= 3 * 4 * RANDOM_WHISPER.vocabulary);
    decoder.close();
    kept?.close();
    kept?.close();
    t.throws(() => kept?.logprobOf(0, 5), { code: 'closed' });
    network.close();
  }
  t.same(liveHandles(), before);
});

t.test('steps are recorded in a cache in place only', async (t) => {
  const loading = WhisperNetwork.load(directory, { threads: 1, cache: 'growing', stepGraphs: true });
  await t.rejects(loading, { name: 'ModelError', code: 'unsupported' });
});

t.test('tokens that go on from several places of a text at once are as if each were alone', async (t) => {
  const network = await WhisperNetwork.load(directory, { threads: 1, cache: 'growing' });
  t.teardown(() => network.close());
  const audio = randomAudio(6, 6_400);
  const alone = async (...texts: readonly (readonly number[])[]): Promise<Choices> => {
    const decoder = await network.hear(audio, [6_400]);
    let at = 0;
    let last: Choices | undefined;
    for (const text of texts) {
      last = await decoder.advance(rows([text], at));
      at += text.length;
    }
    decoder.close();
    if (last === undefined) throw new Error('nothing was fed');
    return last;
  };
  const decoder = await network.hear(audio, [6_400]);
  // What was rejected is between what is text.
  await decoder.advance(rows([[9, 8, 50, 51]], 0));
  decoder.forget(0, 2, 4);
  await decoder.advance(rows([[7, 6]], 2));
  const [one, other] = [
    { kept: 2, first: 0 },
    { kept: 3, first: 2 },
  ];
  const both = await decoder.advance({
    ...rows([[20, 21, 30]], 0),
    positions: [2, 3, 3],
    views: [one, one, other],
    select: [1, 2],
    rules: ['text', 'text'],
  });
  const wanted = [await alone([9, 8], [20, 21]), await alone([9, 8, 7], [30])];
  for (const [at, choice] of wanted.entries()) {
    t.same([both.best[at], both.frame[at]], [choice.best[0], choice.frame[0]]);
    t.ok(Math.abs((both.logprob[at] ?? 0) - (choice.logprob[0] ?? Number.NaN)) < 1e-4);
  }
  same(t, await decoder.advance(rows([[5]], 4)), await alone([9, 8, 7, 6], [5]));
  decoder.close();
  const inPlace = await WhisperNetwork.load(directory, options);
  t.teardown(() => inPlace.close());
  const refusing = await inPlace.hear(audio, [6_400]);
  await refusing.advance(rows([[9, 8]], 0));
  await t.rejects(refusing.advance({ ...rows([[7]], 2), views: [{ kept: 1, first: 0 }] }), {
    code: 'invalid_argument',
  });
  refusing.close();
});

t.test('a closed network leaves nothing in native memory', async (t) => {
  const before = liveHandles();
  for (const stepGraphs of [false, true]) {
    const network = await WhisperNetwork.load(directory, { ...options, stepGraphs });
    for (const seed of [1, 2]) {
      const decoder = await network.hear(randomAudio(seed, 6_400), [6_400]);
      await decoder.advance(rows([[1, 2]], 0));
      await decoder.advance(rows([[3]], 2));
      decoder.close();
    }
    network.close();
  }
  t.same(liveHandles(), before);
});

/** A prompt with rows of different length, then a step in which the middle row is silent. */
async function play(decoder: WhisperDecoder, first: number): Promise<Choices> {
  await decoder.advance(
    rows(
      [
        [first, 8],
        [3, null],
        [4, 4],
      ],
      0,
    ),
  );
  return decoder.advance(rows([[7], [null], [first]], 2, { select: [0, 2], rules: ['text', 'text'] }));
}

function audio(seed: number): Float32Array {
  return Float32Array.from([1, 2, 3].flatMap((row) => [...randomAudio(seed + row, 6_400)]));
}

function same(t: Test, found: Choices, wanted: Choices | undefined): void {
  t.same([found.best, found.frame], [wanted?.best, wanted?.frame]);
  t.ok(found.logprob.every((value, i) => Math.abs(value - (wanted?.logprob[i] ?? Number.NaN)) < 1e-4));
}
