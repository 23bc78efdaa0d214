// `sotto cert`, and a server that clients reach with what it made.
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { WebSocket } from 'ws';
import { noOpenssl } from '../../support/certificate.js';
import { openCompatGateway } from '../../support/compat-gateway.js';
import { runSotto } from '../../support/run-command.js';
import { testFolder } from '../../support/test-folder.js';

t.test('a certificate in one command, which a client trusts', { skip: noOpenssl }, async (t) => {
  const folder = join(testFolder(t, {}), 'tls');
  const made = await runSotto(['cert', '--out', folder, '--name', '192.0.2.7', '--name', 'speech.example']).result;
  t.equal(made.code, 0, made.stderr);
  const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  t.strictSame(made.stdout.trim().split('\n'), [files.certFile, files.keyFile]);
  t.match(made.stderr, /--tls-cert .*SSL_CERT_FILE=/s);
  if (process.platform !== 'win32') t.equal(statSync(files.keyFile).mode & 0o777, 0o600);
  const ca = readFileSync(files.certFile, 'utf8');
  const { subjectAltName = '' } = new X509Certificate(ca);
  for (const name of ['DNS:localhost', 'IP Address:127.0.0.1', 'IP Address:192.0.2.7', 'DNS:speech.example']) {
    t.ok(subjectAltName.includes(name), name);
  }
  const { port } = await openCompatGateway(t, { tls: files });
  const socket = new WebSocket(`wss://localhost:${port}/v1/realtime?intent=transcription`, { ca });
  t.teardown(() => socket.terminate());
  const first = await new Promise<string>((resolve, reject) => {
    socket.once('message', (message: Buffer) => resolve(message.toString()));
    socket.once('error', reject);
  });
  t.match(first, /session\.created/);

  const again = await runSotto(['cert', '--out', folder]).result;
  t.equal(again.code, 1);
  t.match(again.stderr, /--force/);
  t.equal(readFileSync(files.certFile, 'utf8'), ca, 'what is there stays');
  t.equal((await runSotto(['cert', '--out', folder, '--force', '--days', '2']).result).code, 0);
  t.not(readFileSync(files.certFile, 'utf8'), ca);
});

t.test('what is wrong', async (t) => {
  for (const flags of [
    ['--days', '0'],
    ['--days', '9999'],
    ['--name', 'a,DNS:evil'],
    ['--name', '-x'],
  ]) {
    t.equal((await runSotto(['cert', '--out', testFolder(t, {}), ...flags]).result).code, 2, flags.join(' '));
  }
});
