// What every polisher does, whatever is behind it.
import type { Test } from 'tap';
import { PolisherError, type Polisher, type PolishRequest } from '../../server/src/polish/polisher.js';

export const REQUEST: PolishRequest = {
  text: 'um so i think we should meet on tuesday',
  previous: '',
  mode: 'standard',
  instruction: '',
  language: 'en',
  script: undefined,
  paragraphs: false,
};

/** The contract of `Polisher`, held against one polisher from its first text to its end. */
export function polisherContract(t: Test, name: string, open: (t: Test) => Promise<Polisher>): void {
  t.test(`a polisher, ${name}`, async (t) => {
    const polisher = await open(t);
    t.teardown(() => polisher.close());
    const signal = new AbortController().signal;
    await polisher.warmUp();

    t.test('gives a text, whose pieces were told', async (t) => {
      t.ok(polisher.isAvailable);
      t.ok(polisher.modes.includes('standard'));
      t.ok(polisher.concurrency >= 1);
      let told = '';
      const text = await polisher.polish(REQUEST, { signal, onText: (piece) => (told += piece) });
      t.type(text, 'string');
      t.ok(told === '' || told === text, 'in order and whole');
    });

    t.test('takes as many texts at once as it says, and more', async (t) => {
      const texts = Array.from({ length: Math.min(6, polisher.concurrency + 2) }, (_, index) =>
        polisher.polish({ ...REQUEST, text: `this is text number ${index}` }, { signal }),
      );
      for (const text of await Promise.all(texts)) t.type(text, 'string');
    });

    t.test('takes any text, language and mode', async (t) => {
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
      const controller = new AbortController();
      const run = polisher.polish(REQUEST, { signal: controller.signal }).then(
        () => 'done',
        (error: unknown) => error,
      );
      controller.abort(new Error('enough'));
      const end = await run;
      t.ok(end === 'done' || (end instanceof Error && end.message === 'enough'), String(end));
      t.type(await polisher.polish(REQUEST, { signal }), 'string', 'and goes on');
    });

    t.test('closes twice', async () => {
      await polisher.close();
      await polisher.close();
    });

    t.test('refuses after its end, or goes on where it has none', async (t) => {
      const end = await polisher.polish(REQUEST, { signal }).catch((error: unknown) => error);
      t.ok(typeof end === 'string' || (end instanceof PolisherError && end.code === 'unavailable'), String(end));
    });
  });
}
