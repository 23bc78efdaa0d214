// What a scrape tells of jobs, of the cache and of the store, by the whole server.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { testFolder } from '../../support/test-folder.js';
import { wavFile } from '../../support/wav-file.js';
import { startWholeServer } from '../../support/whole-server.js';

t.test('jobs that are over, lookups in the cache, and the store are counted', async (t) => {
  const server = await startWholeServer(t, { dataDir: testFolder(t) });
  const scrape = async (): Promise<string[]> => (await (await fetch(`${server.url}/metrics`)).text()).split('\n');
  for (const line of ['sotto_store_up 1', 'sotto_jobs_waiting 0', 'sotto_jobs_running 0', 'sotto_cache_bytes 0'])
    t.ok((await scrape()).includes(line), line);
  const submit = async (bytes: Uint8Array): Promise<string> => {
    const form = new FormData();
    form.set('file', new Blob([bytes]), 'talk.wav');
    const job = (await (await fetch(`${server.url}/v1/jobs`, { method: 'POST', body: form })).json()) as { id: string };
    for (;;) {
      const { state } = (await (await fetch(`${server.url}/v1/jobs/${job.id}`)).json()) as { state: string };
      if (state !== 'queued' && state !== 'running') return state;
      await delay(20);
    }
  };
  const talk = wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, new Uint8Array(64_000));
  t.equal(await submit(talk), 'done');
  t.equal(await submit(talk), 'done');
  t.equal(await submit(Buffer.from('no audio at all, whatever its name may say')), 'failed');
  // A job's end is told before it is counted.
  let lines = await scrape();
  while (!lines.includes('sotto_jobs_over_total{state="failed"} 1')) lines = await scrape();
  for (const line of [
    'sotto_jobs_over_total{state="done"} 2',
    'sotto_jobs_over_total{state="failed"} 1',
    'sotto_cache_lookups_total{outcome="miss"} 1',
    'sotto_cache_lookups_total{outcome="hit"} 1',
    'sotto_files_running 0',
    'sotto_files_waiting 0',
  ]) {
    t.ok(lines.includes(line), line);
  }
  t.ok(
    lines.some((line) => /^sotto_cache_bytes [1-9]/.test(line)),
    'a result is kept',
  );
});
