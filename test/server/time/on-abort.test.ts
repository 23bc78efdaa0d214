// A signal is heard by whoever listens before it aborts and after.
import { getEventListeners } from 'node:events';
import t from 'tap';
import { onAbort, unlessAborted } from '../../../server/src/time/on-abort.js';

t.test('acts once: when it aborts, at once where it has, never after it was forgotten', async (t) => {
  const acted: string[] = [];
  const controller = new AbortController();
  const { signal } = controller;
  const forget = onAbort(signal, () => acted.push('before'));
  onAbort(signal, () => acted.push('forgotten'))();
  t.strictSame(acted, []);
  controller.abort();
  t.strictSame(acted, ['before']);
  onAbort(signal, () => acted.push('after'));
  t.strictSame(acted, ['before', 'after']);
  forget();
  onAbort(undefined, () => acted.push('no signal'))();
  t.strictSame(acted, ['before', 'after']);
});

t.test('work, unless it aborts: before, meanwhile, or not at all', async (t) => {
  const never = new Promise<never>(() => {});
  await t.rejects(unlessAborted(never, AbortSignal.abort(new Error('gone'))), { message: 'gone' });
  const controller = new AbortController();
  const waiting = unlessAborted(never, controller.signal);
  controller.abort(new Error('left'));
  await t.rejects(waiting, { message: 'left' });
  const { signal } = new AbortController();
  t.equal(await unlessAborted(Promise.resolve(7), signal), 7);
  await t.rejects(unlessAborted(Promise.reject(new Error('failed')), signal), { message: 'failed' });
  t.equal(getEventListeners(signal, 'abort').length, 0, 'nothing listens to what is over');
});
