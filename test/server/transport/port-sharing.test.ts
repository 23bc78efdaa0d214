// Several servers on one port: the system deals connections to them.
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { freePort } from '../../../bench/src/server/free-port.js';
import { portSharingMissing } from '../../../server/src/transport/choose-transport.js';
import type { Transport } from '../../../server/src/transport/transport.js';
import { createUwsTransport, findUws } from '../../../server/src/transport/uws-transport.js';

const { library, missing } = findUws();
const HANDSHAKES_MAX = 200;

t.test(
  'two listen on one port, and each gets connections',
  { skip: missing ?? process.platform !== 'linux' },
  async (t) => {
    if (library === undefined) return;
    const open = (name: string, sharesPort: boolean): Transport => {
      const transport = createUwsTransport(library, {
        sharesPort,
        messageBytesMax: 1_000,
        closeTimeoutMs: 1_000,
        handlers: {
          request: () => ({ status: 200, contentType: 'text/plain', body: name }),
          upgrade: () => ({ accepted: false, response: { status: 404, contentType: '', body: '' } }),
          failed: (error) => t.fail(String(error)),
        },
      });
      t.teardown(() => transport.close());
      return transport;
    };
    const port = await freePort();
    t.equal(await open('a', true).listen(port, '127.0.0.1'), port);
    t.equal(await open('b', true).listen(port, '127.0.0.1'), port);
    const answered = new Set<string>();
    for (let tries = 0; answered.size < 2 && tries < HANDSHAKES_MAX; tries++) {
      const [answer] = (await once(get(`http://127.0.0.1:${port}/`, { agent: false }), 'response')) as [
        IncomingMessage,
      ];
      answered.add(await text(answer));
    }
    t.same([...answered].toSorted(), ['a', 'b']);
    await t.rejects(open('c', false).listen(port, '127.0.0.1'), { code: 'EADDRINUSE' }, 'who shares none is refused');
  },
);

t.test('where nothing can share a port it is said why', { skip: process.platform !== 'linux' }, async (t) => {
  t.equal(portSharingMissing('ws', '22.12.0'), undefined);
  t.equal(portSharingMissing('ws', '23.1.0'), undefined);
  t.equal(portSharingMissing('ws', '24.0.0'), undefined);
  for (const node of ['20.20.2', '22.11.0', '23.0.1']) t.match(portSharingMissing('ws', node), /from Node 22\.12 on/);
  if (library !== undefined) t.equal(portSharingMissing('auto', '20.20.2'), undefined);
});
