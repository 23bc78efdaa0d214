// Errors by group of recordings: what `bench quality` makes of what was heard.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { BENCH_ARGUMENTS } from '../support/sotto-command.js';
import { errorGroups, errorTable } from '../../bench/src/quality/error-table.js';
import { halfOf } from '../../bench/src/quality/halves.js';
import { wholeRunOnly } from '../support/whole-run.js';

const recording = (id: string, kind: string | undefined, language: string, text: string, ...texts: string[]) => ({
  id,
  kind,
  language,
  text,
  seconds: 2,
  heard: new Map(texts.map((heard, i) => [`peer ${i}`, heard])),
});

t.test('groups are a language and a kind; errors of their recordings add up', (t) => {
  const groups = errorGroups([
    recording('a', 'read', 'en', 'Red, green.', 'red green', 'bed green and'),
    recording('b', 'read', 'en', 'blue sky', 'blue', 'blue sky'),
    recording('c', undefined, 'zh', '红绿', '红', '红绿'),
    recording('d', 'noise', 'en', '', 'Thank you.', ''),
  ]);
  t.match(
    groups.map(({ name, unit, recordings, seconds }) => [name, unit, recordings, seconds]),
    [
      ['en read', 'word', 2, 4],
      ['zh', 'character', 1, 2],
      ['en noise, nobody speaks', 'word', 1, 2],
    ],
  );
  t.equal(
    errorTable(groups),
    [
      '| recordings | n | seconds | units | peer 0 | peer 1 |',
      '|---|---:|---:|---:|---:|---:|',
      '| en read | 2 | 4 | 4 words | 25.0 % (0/1/0) | 50.0 % (1/0/1) |',
      '| zh | 1 | 2 | 2 characters | 50.0 % (0/1/0) | 0.0 % (0/0/0) |',
      '| en noise, nobody speaks | 1 | 2 | 0 words | 2 heard | 0 heard |',
    ].join('\n'),
  );
  t.end();
});

t.test('a half is of the id alone, and each is about half', (t) => {
  const ids = Array.from({ length: 1_000 }, (_, i) => `recording ${i}`);
  const tuned = ids.filter((id) => halfOf(id) === 'tune').length;
  t.ok(tuned > 400 && tuned < 600, `${tuned} of 1,000`);
  t.end();
});

const run = (...args: string[]) => promisify(execFile)(process.execPath, [...BENCH_ARGUMENTS, 'quality', ...args]);

t.test('the command hears a folder with the model that it is given', wholeRunOnly, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-quality-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const rate = 16_000;
  const header = Buffer.alloc(44);
  header.write('RIFF    WAVEfmt ', 'latin1');
  [36 + 2 * rate, 16, 1 | (1 << 16), rate, 2 * rate, 2 | (16 << 16)].forEach((word, i) => {
    header.writeUInt32LE(word, [4, 16, 20, 24, 28, 32][i] as number);
  });
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(2 * rate, 40);
  await writeFile(join(folder, 'silence.wav'), Buffer.concat([header, Buffer.alloc(2 * rate)]));
  await writeFile(
    join(folder, 'manifest.jsonl'),
    `${JSON.stringify({ id: 'silence', file: 'silence.wav', text: '', language: 'en', kind: 'noise' })}\n`,
  );
  const texts = join(folder, 'texts.jsonl');
  const model = 'models/whisper-base-adapted';
  const { stdout } = await run('--model', model, '--recordings', folder, '--texts', texts);
  t.match(stdout, '| en noise, nobody speaks | 1 | 1 | 0 words | 0 heard |');
  t.match(JSON.parse(await readFile(texts, 'utf8')), { id: 'silence', heard: { sotto: '' } });
  const refused = await run('--model', model, '--recordings', folder, '--groups', 'en read').catch(String);
  t.match(refused, /No recording is left. The groups are: en noise, nobody speaks./);
});
