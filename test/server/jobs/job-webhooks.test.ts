// What a job tells its webhook when it is over.
import { createHmac } from 'node:crypto';
import t from 'tap';
import { DELIVERY_PAUSES_MS } from '../../../server/src/jobs/webhooks.js';
import { idOf, json, openLocal, recordingOf, startJobServer, startReceiver } from '../../support/job-server.js';

const SECRET = 'a secret of some length';

t.test('a webhook is signed, and tried again until it is taken', async (t) => {
  const store = await openLocal(t);
  const server = await startJobServer(t, { store, reachable: '127.0.0.1' });
  const receiver = await startReceiver(t, [500, 404, 204]);
  const webhook = JSON.stringify({ url: receiver.url, secret: SECRET });
  const id = await idOf(server.upload(recordingOf(1, 2), { webhook }));
  await server.over(id);
  for (let tries = 1; tries <= 3; tries++) {
    // The job is over a moment before its delivery is due.
    while (receiver.got.length < tries) {
      await server.jobs.tend();
      await new Promise(setImmediate);
    }
    server.clock.now += DELIVERY_PAUSES_MS[tries] ?? 0;
  }
  await server.jobs.tend();
  t.equal(receiver.got.length, 3);
  for (const { headers, body } of receiver.got) {
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    t.equal(headers['webhook-signature'], `v1,${createHmac('sha256', SECRET).update(signed).digest('base64')}`);
    t.equal(headers['webhook-id'], id);
    t.match(JSON.parse(body), { type: 'job.done', data: { id, state: 'done', transcriptId: id } });
    t.notMatch(body, SECRET);
  }
  const job = await json(fetch(`${server.url}/v1/jobs/${id}`));
  t.strictSame(job['webhook'], { url: receiver.url, state: 'delivered', attempts: 3 });
  t.strictSame(await store.data.keys('deliveries', { limit: 10 }), []);
});

t.test('a webhook that nobody takes is given up', async (t) => {
  const store = await openLocal(t);
  const server = await startJobServer(t, { store, reachable: '127.0.0.1', settings: { retentionMs: 100_000_000 } });
  const receiver = await startReceiver(
    t,
    Array.from({ length: 20 }, () => 500),
  );
  const id = await idOf(
    server.upload(recordingOf(1), { webhook: JSON.stringify({ url: receiver.url, secret: SECRET }) }),
  );
  await server.over(id);
  const state = async () => (await json(fetch(`${server.url}/v1/jobs/${id}`)))['webhook'] as Record<string, unknown>;
  while ((await state())['state'] !== 'failed') {
    await server.jobs.tend();
    server.clock.now += 7_200_001;
  }
  t.match(await state(), { attempts: DELIVERY_PAUSES_MS.length, lastError: 'answered with 500' });
  t.equal(receiver.got.length, DELIVERY_PAUSES_MS.length);
  t.strictSame(await store.data.keys('deliveries', { limit: 10 }), []);
});
