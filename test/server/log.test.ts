// The log: JSON for machines, plain lines for people, and levels.
import t from 'tap';
import { createLog, plainLine } from '../../server/src/log.js';

function capture(isTTY: boolean) {
  const lines: string[] = [];
  return { lines, output: { isTTY, write: (text: string) => lines.push(text) } };
}

t.test('auto is plain on a terminal, JSON elsewhere', async (t) => {
  for (const isTTY of [true, false]) {
    const { lines, output } = capture(isTTY);
    createLog({ log: 'auto', logLevel: 'info' }, output).info({ port: 1 }, 'hello');
    if (isTTY) t.match(lines[0], /^\d\d:\d\d:\d\d info {2}hello port=1\n$/);
    else t.match(JSON.parse(lines[0] ?? ''), { level: 30, port: 1, msg: 'hello' });
  }
});

t.test('json and plain do not ask where they go', async (t) => {
  const terminal = capture(true);
  createLog({ log: 'json', logLevel: 'info' }, terminal.output).warn('x');
  t.match(JSON.parse(terminal.lines[0] ?? ''), { level: 40, msg: 'x' });
  const file = capture(false);
  createLog({ log: 'plain', logLevel: 'info' }, file.output).warn('x');
  t.match(file.lines[0], /warn {2}x\n$/);
});

t.test('the level decides what is logged', async (t) => {
  const { lines, output } = capture(false);
  const log = createLog({ log: 'json', logLevel: 'warn' }, output);
  log.info('no');
  log.warn('yes');
  createLog({ log: 'json', logLevel: 'silent' }, output).fatal('never');
  t.equal(lines.length, 1);
});

t.test('a plain line tells an error with its stack', async (t) => {
  const { lines, output } = capture(true);
  createLog({ log: 'plain', logLevel: 'info' }, output).error(
    { err: new RangeError('too far'), session: 's' },
    'failed',
  );
  t.match(lines[0], /error failed session=s\nRangeError: too far\n {4}at /);
  t.match(plainLine('{"level":30,"time":0,"msg":"a","list":[1,2]}'), /info {2}a list=\[1,2\]\n$/);
});
