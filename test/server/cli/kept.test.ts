// `sotto jobs` and `sotto transcripts` against a server.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { FileBlobs } from '../../../server/src/store/lmdb/file-blobs.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { recordingOf, startJobServer } from '../../support/job-server.js';
import { runSotto } from '../../support/run-command.js';
import { testFolder } from '../../support/test-folder.js';

t.test('a recording is added, its transcript found, shown and deleted', async (t) => {
  const folder = testFolder(t);
  const data = await LmdbStore.open(join(folder, 'data'));
  t.teardown(() => data.close());
  const store = { data, blobs: await FileBlobs.open(join(folder, 'uploads'), 1_000_000), isShared: false };
  const server = await startJobServer(t, { store });
  const sotto = (...args: string[]) => runSotto([...args, '--server', server.url]).result;
  const file = join(folder, 'talk.raw');
  await writeFile(file, recordingOf(31, 32));
  const added = await sotto('jobs', 'add', file, '--language', 'en');
  t.match(added, { code: 0, stdout: /^j_[\w-]+\n$/ });
  const id = added.stdout.trim();
  t.match(await server.over(id), { state: 'done', options: { language: 'en' } });
  t.match(await sotto('jobs', 'list'), { code: 0, stdout: new RegExp(`^${id} .* done +100 % +talk\\.raw\\n$`) });
  t.match(await sotto('transcripts', 'list', '--search', 'w32'), {
    code: 0,
    stdout: /talk\.raw\n    00:00:01  w32\n$/,
  });
  t.match(await sotto('transcripts', 'show', id), { code: 0, stdout: 'w31\nw32\n' });
  t.match(await sotto('transcripts', 'delete', id), { code: 0, stdout: '' });
  t.match(await sotto('transcripts', 'show', id, '-f', 'srt'), {
    code: 1,
    stderr: /^sotto: There is no such transcript/,
  });
  t.match(await sotto('jobs', 'add', join(folder, 'nothing.raw')), {
    code: 1,
    stderr: /^sotto: Cannot read .*nothing\.raw: .*no such file/,
  });
});

t.test('no server there is one line', async (t) => {
  const { code, stderr } = await runSotto(['jobs', 'list', '--server', 'http://127.0.0.1:1']).result;
  t.match({ code, stderr }, { code: 1, stderr: /^sotto: No server answers at http:\/\/127\.0\.0\.1:1/ });
});
