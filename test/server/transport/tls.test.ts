// TLS on both transports: https and wss with a certificate that the test made, and files that are wrong.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { until } from '../../support/until.js';
import { request } from 'node:https';
import t from 'tap';
import { WebSocket } from 'ws';
import { TlsError, tlsFiles } from '../../../server/src/transport/tls.js';
import type { TransportOptions } from '../../../server/src/transport/transport.js';
import { noOpenssl, selfSigned } from '../../support/certificate.js';
import { BOTH_TRANSPORTS } from '../../support/shared-gateway.js';
import { NO_WORDS, ServerProcess } from '../../support/server-process.js';

const options: TransportOptions = {
  handlers: {
    request: ({ path }) => ({ status: 200, contentType: 'text/plain', body: path }),
    upgrade: () => ({
      accepted: true,
      subprotocol: '',
      open: (socket) => ({
        message: (data, isBinary) => socket.send(data, isBinary),
        drained: () => {},
        pong: () => {},
        pinged: () => {},
        closed: () => {},
      }),
    }),
    failed: () => {},
  },
  messageBytesMax: 1_000_000,
  closeTimeoutMs: 200,
};

for (const [name, create] of BOTH_TRANSPORTS) {
  const skip = create === undefined ? 'no binary for this Node' : noOpenssl;
  t.test(`TLS over ${name}`, { skip }, async (t) => {
    if (create === undefined) return;
    const { ca, certFile, keyFile } = selfSigned(t);
    const transport = create({ ...options, tls: { certFile, keyFile } });
    t.teardown(() => transport.close());
    const port = await transport.listen(0, '127.0.0.1');

    t.equal(await get(`https://localhost:${port}/page`, ca), '/page');
    await t.rejects(get(`https://localhost:${port}/page`, undefined), 'nobody trusts it by itself');

    const client = new WebSocket(`wss://localhost:${port}/`, { ca });
    await once(client, 'open');
    client.send(Buffer.alloc(300_000, 7));
    const [echo] = await once(client, 'message');
    t.equal((echo as Buffer).byteLength, 300_000);

    const other = create({ ...options, tls: { certFile, keyFile } });
    t.teardown(() => other.close());
    await t.rejects(other.listen(port, '127.0.0.1'), { code: 'EADDRINUSE' }, 'the port is not shared with others');

    const plain = new WebSocket(`ws://localhost:${port}/`);
    const [error] = await once(plain, 'error');
    t.ok(error instanceof Error, 'a client that speaks no TLS is refused');
    client.terminate();
    await once(client, 'close');
  });

  t.test(`a certificate that changes is used for new connections (${name})`, { skip }, async (t) => {
    if (create === undefined) return;
    const first = selfSigned(t);
    const changes: (TlsError | undefined)[] = [];
    const transport = create({
      ...options,
      handlers: {
        ...options.handlers,
        upgrade: () => ({
          accepted: true,
          subprotocol: '',
          open: (socket) => {
            socket.subscribe('news');
            return {
              message: (data, isBinary) => socket.send(data, isBinary),
              drained: () => {},
              pong: () => {},
              pinged: () => {},
              closed: () => {},
            };
          },
        }),
        certificateChanged: (error) => changes.push(error),
      },
      tls: first,
      tlsLookMs: 20,
    });
    t.teardown(() => transport.close());
    const port = await transport.listen(0, '127.0.0.1');
    const before = new WebSocket(`wss://localhost:${port}/`, { ca: first.ca });
    await once(before, 'open');

    writeFileSync(first.certFile, 'half a certificate');
    await until(() => changes.some((error) => error?.code === 'tls_failed'), 'the wrong file is told');
    t.equal(await get(`https://localhost:${port}/page`, first.ca), '/page', 'the old one is still used');

    for (let round = 0; round < 6; round++) {
      const seen = changes.length;
      const { ca } = selfSigned(t);
      await until(() => changes.slice(seen).includes(undefined), 'the new one is used');
      t.equal(await get(`https://localhost:${port}/page`, ca), '/page');
      await t.rejects(get(`https://localhost:${port}/page`, first.ca), 'only the new one');
      if (round > 0) continue;
      const after = new WebSocket(`wss://localhost:${port}/`, { ca });
      await once(after, 'open');
      const heard = [before, after].map((client) => once(client, 'message'));
      transport.publish('news', 'to all', false);
      t.strictSame(
        (await Promise.all(heard)).map(([data]) => String(data)),
        ['to all', 'to all'],
      );
      before.send('still here');
      t.equal(String((await once(before, 'message'))[0]), 'still here', 'connections of before go on');
      before.terminate();
      after.terminate();
    }
  });

  t.test(`wrong files are named over ${name}`, { skip }, async (t) => {
    if (create === undefined) return;
    const { certFile, keyFile } = selfSigned(t);
    const wrong = (tls: { certFile: string; keyFile: string }) => () => create({ ...options, tls });
    t.throws(wrong({ certFile: '/nowhere.pem', keyFile }), TlsError);
    t.throws(wrong({ certFile, keyFile: certFile }), { name: 'TlsError', message: /not a certificate with its key/ });
  });
}

t.test('one of the two alone is refused', async (t) => {
  t.equal(tlsFiles('', ''), undefined);
  t.throws(() => tlsFiles('a.pem', ''), TlsError);
  t.throws(() => tlsFiles('', 'a.pem'), TlsError);
});

t.test('the server offers TLS', { skip: noOpenssl }, async (t) => {
  const { ca, certFile, keyFile } = selfSigned(t);
  const server = await ServerProcess.start(t, [...NO_WORDS, '--tls-cert', certFile, '--tls-key', keyFile]);
  t.match(server.http, /^https:\/\/127\.0\.0\.1:\d+$/);
  t.match(JSON.parse(await get(`${server.http}/health`, ca)), { status: 'ready' });
  const client = new WebSocket(server.url, ['sotto.v1.json'], { ca });
  await once(client, 'open');
  client.terminate();

  const failing = ServerProcess.launch(t, [...NO_WORDS, '--tls-cert', certFile, '--tls-key', '/nowhere.pem']);
  t.equal((await failing.exit()).code, 1);
  t.match(failing.stderr, /nowhere\.pem cannot be read/);
});

/** The body of an https page, for a client that trusts `ca`. */
async function get(url: string, ca: string | undefined): Promise<string> {
  const sent = request(url, { agent: false, ...(ca === undefined ? {} : { ca }) }).end();
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer>];
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  return Buffer.concat(parts).toString();
}
