// Recordings as a service: places, waiting, giving up, progress.
import t from 'tap';
import { FILE_DEFAULTS, FileTranscription } from '../../../server/src/recordings/file-transcription.js';
import { deferred } from '../../../client-sdk/src/deferred.js';
import { Semaphore } from '../../../server/src/time/semaphore.js';
import { FormFields } from '../../../server/src/api/uploads/form-fields.js';
import { SampleHistory } from '../../../server/src/audio/sample-history.js';
import { CountingTranscriber } from '../../support/file-gateway.js';
import { until } from '../../support/until.js';

async function* seconds(count: number): AsyncGenerator<Float32Array> {
  for (let at = 0; at < count; at++) yield new Float32Array(16_000);
}

async function texts(segments: AsyncIterable<{ readonly text: string }>): Promise<string[]> {
  const heard: string[] = [];
  for await (const { text } of segments) heard.push(text);
  return heard;
}

t.test('recordings beyond the places wait in their order; beyond that they are refused', async (t) => {
  const transcriber = new CountingTranscriber();
  const gate = deferred<void>();
  transcriber.gate = gate.promise;
  const files = new FileTranscription(transcriber, { filesMax: 2, filesWaitingMax: 3 });
  const runs = [1, 2, 3, 4, 5].map((count) => texts(files.transcribe(seconds(count), FILE_DEFAULTS)));
  await until(() => files.counts.running === 2 && files.counts.waiting === 3);
  await t.rejects(texts(files.transcribe(seconds(1), FILE_DEFAULTS)), { name: 'AsrError', code: 'overloaded' });
  gate.resolve();
  const heard = await Promise.all(runs);
  t.same(
    heard.map(({ length }) => length),
    [1, 2, 3, 4, 5],
  );
  t.same(files.counts, { running: 0, waiting: 0 });
});

t.test('who gives up while waiting leaves the line, and nothing of the recording was read', async (t) => {
  const transcriber = new CountingTranscriber();
  transcriber.gate = new Promise(() => {});
  const files = new FileTranscription(transcriber, { filesMax: 1, filesWaitingMax: 3 });
  const leaving = new AbortController();
  const first = texts(files.transcribe(seconds(1), FILE_DEFAULTS, { signal: leaving.signal }));
  let hasRead = false;
  const second = texts(
    files.transcribe(
      (async function* () {
        hasRead = true;
        yield new Float32Array(16_000);
      })(),
      FILE_DEFAULTS,
      { signal: leaving.signal },
    ),
  );
  await until(() => files.counts.waiting === 1);
  leaving.abort(new TypeError('gone'));
  await t.rejects(first, { message: 'gone' });
  await t.rejects(second, { message: 'gone' });
  t.equal(hasRead, false);
  t.same(files.counts, { running: 0, waiting: 0 });
});

t.test('words come where they are asked for', async (t) => {
  const files = new FileTranscription(new CountingTranscriber(), { filesMax: 1, filesWaitingMax: 0 });
  for (const words of [true, false]) {
    for await (const segment of files.transcribe(seconds(1), { ...FILE_DEFAULTS, words })) {
      t.equal(segment.words.length, words ? 1 : 0);
    }
  }
});

t.test('slots: never more than there are, first come first served, given back once', async (t) => {
  const slots = new Semaphore(1);
  const release = await slots.take();
  const order: number[] = [];
  const later = [1, 2].map(async (name) => {
    const give = await slots.take();
    order.push(name);
    give();
    give();
  });
  t.equal(slots.waiting, 2);
  release();
  await Promise.all(later);
  t.same(order, [1, 2]);
  const again = await slots.take();
  t.equal(slots.waiting, 0);
  again();
});

t.test('fields of a form: lists in every way of writing, absent ones, members', async (t) => {
  const fields = FormFields.of([
    ['a[]', 'x'],
    ['a[]', 'y'],
    ['b', 'x, y'],
    ['c', '["x","y, z"]'],
    ['d[0]', 'x'],
    ['d[1]', 'y'],
    ['e', ''],
    ['f', 'null'],
    ['g[type]', 'server_vad'],
    ['__proto__', 'x'],
  ]);
  t.same(
    ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => fields.list(name)),
    [['x', 'y'], ['x', 'y'], ['x', 'y, z'], ['x', 'y'], undefined, undefined],
  );
  t.same(fields.members('g'), { type: 'server_vad' });
  t.equal(fields.one('e'), undefined);
});

t.test('history: any stretch of what was not forgotten', async (t) => {
  const history = new SampleHistory();
  for (let at = 0; at < 100; at += 10) history.push(Float32Array.from({ length: 10 }, (_, i) => at + i));
  history.forget(37);
  t.same(history.slice(38, 42), Float32Array.of(38, 39, 40, 41));
  t.throws(() => history.slice(20, 40), RangeError);
  t.throws(() => history.slice(90, 101), RangeError);
  t.equal(history.end, 100);
});
