// The processes that wait for files.
import { readFileSync } from 'node:fs';
import t from 'tap';
import { DecoderPool } from '../../../server/src/audio/decoder/decoder-pool.js';
import { fixture } from '../../support/fixtures.js';
import { NO_DECODER } from '../../support/no-decoder.js';
import { NO_WORDS, ServerProcess } from '../../support/server-process.js';

t.test('one that was made ready takes the first file', async (t) => {
  const pool = new DecoderPool();
  await pool.warmUp();
  await pool.warmUp();
  const first = await pool.take('file');
  t.teardown(() => first.close());
  const second = await pool.take('file');
  t.teardown(() => second.close());
  t.not(first, second, 'making ready twice makes one');
  pool.giveBack(first);
  t.equal(await pool.take('file'), first);
});

t.test('those that wait end where memory is short, and others take the files behind', async (t) => {
  const pool = new DecoderPool();
  const [waiting, busy] = [await pool.take('file'), await pool.take('file')];
  t.teardown(() => busy.close());
  pool.giveBack(waiting);
  pool.shrink();
  await waiting.exited;
  t.equal(busy.death, undefined);
  const next = await pool.take('file');
  t.teardown(() => next.close());
  t.not(next, waiting);
});

t.test('a server that can start none says so, to try again, at every door', async (t) => {
  const { http } = await ServerProcess.start(t, NO_WORDS, NO_DECODER);
  const bytes = readFileSync(fixture('en-short-yes'));
  const form = new FormData();
  form.append('file', new Blob([bytes]), 'yes.flac');
  form.append('model', 'whisper-1');
  const doors = [
    [
      '/transcribe_only',
      bytes,
      503,
      { error: { code: 'decoder_unavailable', message: /^No process could be started/ } },
    ],
    ['/v1/audio/transcriptions', form, 429, { error: { message: /^No process could be started/ } }],
    ['/v1/listen', bytes, 503, { err_code: 'SERVICE_UNAVAILABLE', err_msg: /^No process could be started/ }],
  ] as const;
  for (const [path, body, status, said] of doors) {
    const answer = await fetch(`${http}${path}`, { method: 'POST', body });
    t.equal(answer.status, status, path);
    t.ok(answer.headers.has('retry-after'), path);
    t.match(await answer.json(), said, path);
  }
});
