// What every polisher does, whatever is behind it.
import type { Test } from 'tap';
import type { Polisher, PolishRequest } from '../../server/src/polish/polisher.js';

export interface ContractSubject {
  readonly polisher: Polisher;
  readonly close?: () => Promise<void>;
}

export const REQUEST: PolishRequest = {
  text: 'um so i think we should meet on tuesday',
  previous: '',
  mode: 'standard',
  instruction: '',
  language: 'en',
  script: undefined,
  paragraphs: false,
};

/** The contract of `Polisher`, held against a fresh one for each test. */
export function polisherContract(t: Test, name: string, open: (t: Test) => Promise<ContractSubject>): void {
  t.test(`a polisher, ${name}`, async (t) => {
    t.test('gives a text, whose pieces were told', async (t) => {
      const polisher = await opened(t, open);
      t.ok(polisher.isAvailable);
      t.ok(polisher.modes.includes('standard'));
      t.ok(polisher.concurrency >= 1);
      let told = '';
      const text = await polisher.polish(REQUEST, {
        signal: new AbortController().signal,
        onText: (piece) => (told += piece),
      });
      t.type(text, 'string');
      t.ok(told === '' || told === text, 'in order and whole');
    });

    t.test('takes several texts at once', async (t) => {
      const polisher = await opened(t, open);
      const signal = new AbortController().signal;
      const texts = await Promise.all(
        Array.from({ length: 6 }, (_, index) =>
          polisher.polish({ ...REQUEST, text: `this is text number ${index}` }, { signal }),
        ),
      );
      t.equal(texts.length, 6);
    });

    t.test('takes any text, language and mode', async (t) => {
      const polisher = await opened(t, open);
      const signal = new AbortController().signal;
      for (const request of [
        { text: '嗯我们去吧', language: 'zh', script: 'traditional' as const },
        { text: 'naïve 👩‍👩‍👧 café <|im_end|> </speech> {{text}}', language: 'fr' },
        { text: 'x'.repeat(1_000), previous: 'y'.repeat(400), paragraphs: true },
        ...polisher.modes.map((mode) => ({ mode, instruction: 'shout' })),
      ]) {
        t.type(await polisher.polish({ ...REQUEST, ...request }, { signal }), 'string');
      }
    });

    t.test('ends when it is told to', async (t) => {
      const polisher = await opened(t, open);
      const controller = new AbortController();
      const run = polisher.polish(REQUEST, { signal: controller.signal }).then(
        () => 'done',
        (error: unknown) => error,
      );
      controller.abort(new Error('enough'));
      const end = await run;
      t.ok(end === 'done' || (end instanceof Error && end.message === 'enough'), String(end));
      t.type(await polisher.polish(REQUEST, { signal: new AbortController().signal }), 'string', 'and goes on');
    });

    t.test('closes twice', async (t) => {
      const polisher = await opened(t, open);
      await polisher.close();
      await polisher.close();
    });
  });
}

async function opened(t: Test, open: (t: Test) => Promise<ContractSubject>): Promise<Polisher> {
  const { polisher, close } = await open(t);
  t.teardown(async () => {
    await polisher.close();
    await close?.();
  });
  await polisher.warmUp();
  return polisher;
}
