// server/bin/sotto.mjs: what `npm start` and `npx sotto` run in a checkout.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { deadline } from '../../support/deadline.js';
import { NO_WORDS } from '../../support/server-process.js';
import { SOTTO_ARGUMENTS, SOTTO_ENVIRONMENT } from '../../support/sotto-command.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const BUNDLES = `${root}server/dist/command`;
const noGroups = process.platform === 'win32' && 'no process groups';

t.test('npm and its shell are signalled with it: the server drains all the same', { skip: noGroups }, async (t) => {
  const command = `${process.execPath} server/bin/sotto.mjs serve ${NO_WORDS.join(' ')}; exit $?`;
  const shell = spawn('sh', ['-c', command], {
    cwd: root,
    env: { ...process.env, SOTTO_PORT: '0', SOTTO_STORE: 'none', npm_lifecycle_event: 'start' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const group = -(shell.pid ?? 0);
  const ended = once(shell, 'close');
  let [stdout, stderr] = ['', ''];
  shell.stdout.on('data', (data) => (stdout += String(data)));
  shell.stderr.on('data', (data) => (stderr += String(data)));
  t.teardown(() => {
    try {
      process.kill(group, 'SIGKILL');
    } catch {
      // It has ended, as it should.
    }
  });
  while (!stdout.includes('listening on')) {
    if ((await Promise.race([once(shell.stdout, 'data'), ended.then(() => 'ended')])) === 'ended') break;
  }
  t.match(stdout, /listening on/, stderr);
  const using = readdirSync(BUNDLES).flatMap((name) => {
    const users = `${BUNDLES}/${name}/users`;
    return existsSync(users) ? readdirSync(users) : [];
  });
  t.ok(using.length > 0, 'its bundle is in use');
  process.kill(group, 'SIGTERM');
  await deadline(ended, 10_000);
  t.match(stderr, /stopping: sessions finish/);
  t.match(stderr, /"msg":"stopped"/, 'one signal is one, by whichever way it comes');
});

t.test('a command whose output nobody reads any more ends without a word', async (t) => {
  const child = spawn(process.execPath, [...SOTTO_ARGUMENTS, 'config', '--markdown'], {
    env: { ...process.env, ...SOTTO_ENVIRONMENT },
  });
  child.stdout.destroy();
  const [[code], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
  t.equal(code, 0);
  t.equal(stderr, '');
});
