// Where a transport listens, and how it stops.
import { once } from 'node:events';
import type { Test } from 'tap';
import { ListenError } from '../../../server/src/transport/transport.js';
import { handlersWith, messages, serve, type Create } from './sockets.js';

export function listening(t: Test, create: Create): void {
  t.test('a port in use is refused by name', async (t) => {
    const server = await serve(t, create);
    const second = create({ handlers: handlersWith({}), messageBytesMax: 1, closeTimeoutMs: 100 });
    const error = await second.listen(server.port, '127.0.0.1').then(
      () => undefined,
      (error: unknown) => error,
    );
    t.ok(error instanceof ListenError);
    t.match(error, { code: 'EADDRINUSE', port: server.port, host: '127.0.0.1' });
    t.match(error, { message: /Port \d+ on 127.0.0.1 is in use/ });
    await second.close();
  });

  t.test('an address of another machine is refused by name', async (t) => {
    const transport = create({ handlers: handlersWith({}), messageBytesMax: 1, closeTimeoutMs: 100 });
    await t.rejects(transport.listen(0, '192.0.2.1'), { name: 'ListenError', code: 'EADDRNOTAVAIL' });
    await transport.close();
  });

  t.test('stopListening: open sockets live on, new ones are refused', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    server.transport.stopListening();
    server.transport.stopListening();
    await t.rejects(fetch(server.http));
    client.send('still here');
    await messages(server.only(), 1);
  });

  t.test('close drops every connection and may be called twice', async (t) => {
    const server = await serve(t, create);
    const clients = await Promise.all([server.connect(), server.connect()]);
    const gone = Promise.all(clients.map((client) => once(client, 'close')));
    await server.transport.close();
    await server.transport.close();
    await gone;
    t.same(
      server.accepted.map((one) => one.closed.length),
      [1, 1],
    );
    await t.rejects(fetch(server.http));
  });
}
