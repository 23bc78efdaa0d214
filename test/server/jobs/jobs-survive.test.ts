// The real server, killed in the middle of a job: the next one goes on with it, and what was kept before is kept.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { eventsOf } from '../../support/job-server.js';
import { ServerProcess } from '../../support/server-process.js';
import { testFolder } from '../../support/test-folder.js';

const RECORDING = new URL('../../fixtures/audio/en-dialogue.flac', import.meta.url);

function start(t: Test, folder: string): Promise<ServerProcess> {
  return ServerProcess.start(t, ['--store', 'lmdb', '--data-dir', folder]);
}

async function transcriptOf(server: ServerProcess, id: string) {
  const response = await fetch(`${server.http}/v1/transcripts/${id}`);
  return (await response.json()) as {
    state: string;
    text: string;
    segments: { segmentId: number; text: string; startMs: number }[];
  };
}

t.test('kill -9 in the middle of a job', async (t) => {
  const folder = join(testFolder(t), 'data');
  const first = await start(t, folder);
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(await readFile(RECORDING))]), 'dialogue.flac');
  const { id } = (await (await fetch(`${first.http}/v1/jobs`, { method: 'POST', body: form })).json()) as {
    id: string;
  };
  let before = await transcriptOf(first, id);
  for await (const _ of eventsOf(await fetch(`${first.http}/v1/jobs/${id}/events`))) {
    before = await transcriptOf(first, id);
    if (before.segments?.length > 0) break;
  }
  t.equal(before.state, 'live');
  t.ok(before.segments.length > 0, 'it can be read while it grows');
  first.kill('SIGKILL');
  await first.exit();

  const second = await start(t, folder);
  let last: Record<string, unknown> = {};
  for await (const { data } of eventsOf(await fetch(`${second.http}/v1/jobs/${id}/events`))) last = data;
  t.match(last, { state: 'done', progress: 1, name: 'dialogue.flac' });
  const after = await transcriptOf(second, id);
  t.equal(after.state, 'complete');
  t.strictSame(after.segments.slice(0, before.segments.length), before.segments, 'heard once');
  t.strictSame(
    after.segments.map(({ segmentId }) => segmentId),
    after.segments.map((_, index) => index),
  );
  const starts = after.segments.map(({ startMs }) => startMs);
  t.strictSame(
    starts,
    starts.toSorted((a, b) => a - b),
  );
  t.match(after.text, /^Good morning, this is the front desk\..*safe flight\.(?: Goodbye\.)?$/);

  const intruder = ServerProcess.launch(t, ['--store', 'lmdb', '--data-dir', folder]);
  t.match(await intruder.exit(), { code: 1 });
  t.match(intruder.stderr, /in use by another server \(process \d+\)/);
});
