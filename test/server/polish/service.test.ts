// The polish of a server: which model, how long, what when it fails; and that every text comes back.
import type { PolishMode } from '@sotto/protocol';
import t from 'tap';
import { PolisherError } from '../../../server/src/polish/polisher.js';
import { CHUNK_CHARS_MAX, PolishService, type PolishFailure } from '../../../server/src/polish/polish-service.js';
import type { PolishStyle, PolishTask } from '../../../server/src/polish/polishing.js';
import { AUTO_BEST_CHARS } from '../../../server/src/polish/router.js';
import { ScriptedPolisher } from '../../support/scripted-polisher.js';

const STYLE: PolishStyle = { mode: 'standard', instruction: '', quality: 'auto', script: undefined };
const SAID = 'so we should meet on tuesday';
const WRITTEN = 'So we should meet on Tuesday.';

function task(
  text: string,
  more: Omit<Partial<PolishTask>, 'style'> & { style?: Partial<PolishStyle> } = {},
): PolishTask {
  return {
    text,
    previous: '',
    language: 'en',
    paragraphs: false,
    budgetMs: 60_000,
    signal: new AbortController().signal,
    ...more,
    style: { ...STYLE, ...more.style },
  };
}

const upper = ({ text }: { text: string }): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

t.test('a text comes back as the model writes it, cleaned', async (t) => {
  const polisher = new ScriptedPolisher({ write: () => `Here is the polished text:\n\n"${WRITTEN}"\u0007` });
  const service = new PolishService({ fast: polisher, waitingMax: 9 });
  t.same(await service.polish(task(`${SAID}\u0000`)), { text: WRITTEN, model: 'scripted' });
  t.equal(polisher.requests[0]?.text, SAID, 'the model sees clean text');
});

t.test('PO5: what must not be used gives way to the rules, with the reason', async (t) => {
  for (const [write, fallback] of [
    [() => 'Roses are red, violets are blue, and I will write a poem for you.', 'tooLong'],
    [() => 'Tuesday.', 'tooShort'],
    [() => 'So we should not meet on Tuesday.', 'changedNegation'],
    [() => '', 'tooShort'],
    [
      () => {
        throw new PolisherError('unavailable', 'down');
      },
      'unavailable',
    ],
    [
      () => {
        throw new PolisherError('failed', 'no text');
      },
      'failed',
    ],
    [
      () => {
        throw new TypeError('a bug');
      },
      'failed',
    ],
  ] as const) {
    const service = new PolishService({ fast: new ScriptedPolisher({ write }), waitingMax: 9 });
    t.same(await service.polish(task(SAID)), { text: WRITTEN, model: 'rules', fallback });
  }
  const own = new PolishService({ fast: new ScriptedPolisher({ write: () => '' }), waitingMax: 9 });
  const custom = task(SAID, { style: { mode: 'custom', instruction: 'in French' } });
  t.same(
    await own.polish(custom),
    { text: SAID, model: 'none', fallback: 'tooShort' },
    'no rule knows what was wanted',
  );
});

t.test('PO5: a language that no model writes falls back', async (t) => {
  const polisher = new ScriptedPolisher({ write: upper, languages: ['en'] });
  const service = new PolishService({ fast: polisher, waitingMax: 9 });
  t.same(service.offer.languages, ['en']);
  t.match(await service.polish(task('你好吗', { language: 'zh' })), {
    text: '你好吗？',
    model: 'rules',
    fallback: 'language',
  });
  t.equal(polisher.requests.length, 0);
});

t.test('PO5: the time of a text is bounded, also for a polisher that hears no signal', async (t) => {
  class Deaf extends ScriptedPolisher {
    override polish(): Promise<string> {
      return new Promise(() => {});
    }
  }
  const service = new PolishService({ fast: new Deaf(), waitingMax: 9 });
  t.match(await service.polish(task(SAID, { budgetMs: 10 })), { text: WRITTEN, fallback: 'timeout' });
});

t.test('what nobody wants any more is aborted', async (t) => {
  const polisher = new ScriptedPolisher();
  const service = new PolishService({ fast: polisher, waitingMax: 9 });
  const controller = new AbortController();
  const run = service.polish(task(SAID, { signal: controller.signal }));
  await polisher.call();
  controller.abort(new Error('gone'));
  await t.rejects(run, { message: 'gone' });
  t.equal(polisher.calls.length, 0);
  await t.rejects(service.polish(task(SAID, { signal: controller.signal })), { message: 'gone' });
});

t.test(
  'so many texts run at once, so many wait, the rest falls back at once; what is due first goes first',
  async (t) => {
    const polisher = new ScriptedPolisher({ concurrency: 1 });
    const service = new PolishService({ fast: polisher, waitingMax: 2 });
    const first = service.polish(task('first'));
    const relaxed = service.polish(task('relaxed', { budgetMs: 90_000 }));
    const urgent = service.polish(task('urgent', { budgetMs: 30_000 }));
    t.match(await service.polish(task('one too many', { budgetMs: 95_000 })), {
      fallback: 'overloaded',
      text: 'One too many.',
    });
    t.equal(polisher.calls.length, 1);
    t.equal(service.waiting, 2);
    const order: string[] = [];
    for (let count = 0; count < 3; count++) {
      const { request, answer } = await polisher.call();
      order.push(request.text);
      answer(`${upper(request)}`);
      await new Promise(setImmediate);
    }
    t.same(order, ['first', 'urgent', 'relaxed']);
    await Promise.all([first, relaxed, urgent]);
    t.equal(service.waiting, 0);
  },
);

t.test('where all places are taken, what is due first pushes out what is due last', async (t) => {
  const polisher = new ScriptedPolisher({ concurrency: 1 });
  const service = new PolishService({ fast: polisher, waitingMax: 1 });
  const running = service.polish(task('running'));
  const upload = service.polish(task('an upload', { budgetMs: 600_000 }));
  const live = service.polish(task('live speech', { budgetMs: 5_000 }));
  t.match(await upload, { fallback: 'overloaded', text: 'An upload.' });
  for (let count = 0; count < 2; count++) {
    const { request, answer } = await polisher.call();
    answer(upper(request));
    await new Promise(setImmediate);
  }
  t.same([(await running).text, (await live).text], ['Running.', 'Live speech.']);
});

t.test('quality picks the model; auto by length and load; the other where one is down', async (t) => {
  const fast = new ScriptedPolisher({ name: 'fast', write: upper, modes: ['standard'] });
  const best = new ScriptedPolisher({ name: 'best', write: upper, concurrency: 1 });
  const service = new PolishService({ fast, best, waitingMax: 9 });
  const long = 'and so we went on to the next house in the street '.repeat(5).trim();
  t.ok(long.length > AUTO_BEST_CHARS);
  const by = async (text: string, style: Partial<PolishStyle>) => (await service.polish(task(text, { style }))).model;
  t.equal(await by(SAID, { quality: 'fast' }), 'fast');
  t.equal(await by(SAID, { quality: 'best' }), 'best');
  t.equal(await by(SAID, { quality: 'auto' }), 'fast');
  t.equal(await by(long, { quality: 'auto' }), 'best');
  t.equal(await by(SAID, { mode: 'casual', quality: 'fast' }), 'best', 'who knows the mode');
  best.isAvailable = false;
  t.equal(await by(SAID, { quality: 'best' }), 'fast');
  t.same(service.offer.models, ['fast', 'best']);
  t.equal(service.offer.available, true);
  fast.isAvailable = false;
  t.equal(service.offer.available, false);
});

t.test('auto spares a better model that is busy', async (t) => {
  const best = new ScriptedPolisher({ name: 'best', concurrency: 1 });
  const service = new PolishService({
    fast: new ScriptedPolisher({ name: 'fast', write: upper }),
    best,
    waitingMax: 9,
  });
  const long = 'and so we went on to the next house in the street '.repeat(5).trim();
  const running = service.polish(task(long));
  const { answer, request } = await best.call();
  t.equal((await service.polish(task(long))).model, 'fast');
  answer(upper(request));
  t.equal((await running).model, 'best');
});

t.test('why a model gave no text is told, but never with the text', async (t) => {
  const told: PolishFailure[] = [];
  let message = 'the context is too small';
  const polisher = new ScriptedPolisher({
    write: () => {
      throw new RangeError(message);
    },
  });
  const service = new PolishService({ fast: polisher, waitingMax: 9, onFailure: (failure) => told.push(failure) });
  await service.polish(task('we meet on tuesday at noon', { sessionId: 's_1' }));
  message = 'cannot go on from: "meet on\n tuesday"';
  await service.polish(task('we meet on tuesday at noon'));
  t.match(told, [
    { sessionId: 's_1', model: 'scripted', code: 'failed', reason: 'the context is too small' },
    { code: 'failed', reason: 'RangeError, whose message quotes the text' },
  ]);
  const given = new AbortController();
  given.abort();
  await t.rejects(service.polish(task('we meet on tuesday at noon', { signal: given.signal })));
  t.equal(told.length, 2, 'nobody waited for it');
});

t.test('100 kB of text is polished in pieces and put together again', async (t) => {
  const sentence = 'And then we went on to the next house in the street. ';
  const text = sentence.repeat(2_000).trim();
  for (const onText of [undefined, (from: number, piece: string) => void (told = told.slice(0, from) + piece)]) {
    const polisher = new ScriptedPolisher({ write: (request) => request.text.replaceAll('house', 'home') });
    const service = new PolishService({ fast: polisher, waitingMax: 9 });
    const result = await service.polish(task(text, { style: { mode: 'formal' }, onText }));
    t.equal(result.text, text.replaceAll('house', 'home'));
    t.notOk('fallback' in result);
    t.ok(polisher.requests.every((request) => request.text.length <= CHUNK_CHARS_MAX));
    t.ok(polisher.requests.slice(1).every(({ previous }) => previous !== ''));
  }
});
let told = '';

t.test('a piece that fails falls back alone', async (t) => {
  const sentence = 'And then we went on to the next house in the street. ';
  let count = 0;
  const write = ({ text }: { text: string }): string => (++count === 2 ? 'I cannot help with that.' : text);
  const service = new PolishService({ fast: new ScriptedPolisher({ write }), waitingMax: 9 });
  const result = await service.polish(task(sentence.repeat(100)));
  t.match(result, { text: sentence.repeat(100).trim(), model: 'scripted', fallback: 'tooShort' });
});

t.test('empty and strange texts', async (t) => {
  const service = new PolishService({ fast: new ScriptedPolisher({ write: ({ text }) => text }), waitingMax: 9 });
  t.same(await service.polish(task(' \u0000\n\t')), { text: '', model: 'none' });
  for (const text of ['😀😀😀', '...', '我们 meet at 3 with café', '\ud800hello', '<|im_start|>system']) {
    const { text: polished } = await service.polish(task(text, { language: 'auto' }));
    t.not(polished, '', text);
  }
});

t.test('PO1: what cannot be had is told', async (t) => {
  const service = new PolishService({ fast: new ScriptedPolisher({ modes: ['standard'] }), waitingMax: 9 });
  t.match(
    service.refusalOf({ ...STYLE, mode: 'formal' }),
    /^scripted cannot polish in the mode "formal"; modes: standard\.$/,
  );
  t.equal(service.refusalOf(STYLE), undefined);
  const all = new PolishService({ fast: new ScriptedPolisher(), waitingMax: 9 });
  t.match(all.refusalOf({ ...STYLE, mode: 'custom', instruction: ' ' }), /needs an instruction/);
  for (const mode of ['formal', 'casual', 'concise', 'detailed'] satisfies PolishMode[])
    t.equal(all.refusalOf({ ...STYLE, mode }), undefined);
});

t.test('closes its models, twice', async (t) => {
  const [fast, best] = [new ScriptedPolisher(), new ScriptedPolisher()];
  const service = new PolishService({ fast, best, waitingMax: 9 });
  await service.close();
  await service.close();
  t.ok(fast.closed > 0 && best.closed > 0);
});
