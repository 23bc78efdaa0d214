// `sotto transcribe --polish`: what is printed, and which flags go together.
import t from 'tap';
import { checkUsage } from '../../../server/src/cli/transcribe.js';
import { formatOutput, lineOutput } from '../../../server/src/cli/transcribe-output.js';
import { READY } from '../../support/wire-server.js';
import { final, polished } from '../../support/speech-messages.js';

t.test('lines are the polished texts, and the raw ones of what was not polished any more', async (t) => {
  const written: string[] = [];
  const output = lineOutput((text) => written.push(text), t.fail, true);
  for (const event of [final(0, 'um one'), final(1, ''), final(2, 'um two'), polished(0, 'One.')]) output.event(event);
  t.same(written, ['One.\n']);
  output.end();
  t.same(written, ['One.\n', 'um two\n']);
});

t.test('files have the polished text in place of the raw one', async (t) => {
  for (const [format, has] of [
    ['txt', 'So, one.'],
    ['vtt', 'So, one.'],
    ['json', 'So, one.'],
  ] as const) {
    const written: string[] = [];
    const output = formatOutput(format, (text) => written.push(text), t.fail);
    const words = [{ text: 'one', startMs: 0, endMs: 500, confidence: 1 }];
    for (const event of [READY, { ...final(0, 'um so one'), endMs: 900, words }, polished(0, 'So, one.')])
      output.event(event);
    output.end();
    t.match(written.join(''), has);
    t.notMatch(written.join(''), 'um so');
  }
});

t.test('flags that do not go together', async (t) => {
  const flags = { server: 'ws://127.0.0.1:1', retry: 0 };
  t.throws(() => checkUsage(['a.wav'], { ...flags, polish: 'custom' }), { message: /go together/, exitCode: 2 });
  t.throws(() => checkUsage(['a.wav'], { ...flags, polish: 'formal', polishInstruction: 'x' }), {
    message: /go together/,
  });
  t.throws(() => checkUsage(['a.wav'], { ...flags, polish: 'formal', offline: true }), { message: /needs a server/ });
  t.doesNotThrow(() => checkUsage(['a.wav'], { ...flags, polish: 'custom', polishInstruction: 'x' }));
});
