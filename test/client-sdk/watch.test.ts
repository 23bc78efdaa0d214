// Watching through the client, against a real gateway: what comes, and every way in which it ends or goes on.
import {
  connect,
  TranscriptView,
  watch,
  type RestartedEvent,
  type ServerMessage,
  type Watch,
  type WatchOptions,
} from '@sotto/client';
import { JsonClientCodec } from '@sotto/protocol';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { createWsTransport } from '../../server/src/transport/ws-transport.js';
import { CALM, ChaosProxy } from '../support/chaos-proxy.js';
import { openSharedGateway } from '../support/shared-gateway.js';
import { until } from '../support/until.js';

/** Watches with the ws package; `cut` breaks its network. */
function open(t: Test, url: string, options: Partial<WatchOptions> & Pick<WatchOptions, 'token'>) {
  const events: ServerMessage[] = [];
  const connected: boolean[] = [];
  const sockets: WebSocket[] = [];
  const view = new TranscriptView();
  const watching: Watch = watch(url, {
    webSocket: (address, protocols) => {
      const socket = new WebSocket(address, protocols);
      sockets.push(socket);
      return socket;
    },
    onEvent: (event) => {
      events.push(event);
      view.apply(event);
    },
    onConnected: (isConnected) => connected.push(isConnected),
    retryMs: 5,
    ...options,
  });
  t.teardown(() => watching.close());
  return { watching, events, connected, sockets, view, cut: () => sockets.at(-1)?.terminate() };
}

t.test('words come as the speaker gets them, until the session ends', async (t) => {
  const server = await openSharedGateway(t, createWsTransport);
  const { session, speaker, token } = await server.speak();
  session.final(0, 'Said before.');
  for (const codec of [undefined, new JsonClientCodec()]) {
    for (const address of [server.url, `${server.http}/`, `${server.url}/v1/stream`]) {
      const { view, watching } = open(t, address, { token, ...(codec && { codec }) });
      await until(() => view.text === 'Said before.', `the line of the moment at ${address}`);
      watching.close();
      t.strictSame(await watching.closed, {}, 'closing twice is harmless');
      watching.close();
    }
  }
  const { watching, view, events } = open(t, server.url, { token });
  await until(() => events.length > 0, 'watching');
  session.partial(1, 1, 'and now');
  await until(() => view.text === 'Said before. and now', 'a partial');
  session.final(1, 'And now.');
  speaker.send({ type: 'stop' });
  t.strictSame(await watching.closed, { ended: { type: 'ended', reason: 'stop' } });
  t.equal(view.text, 'Said before. And now.');
});

t.test('a lost network is found again; nothing is lost or doubled', async (t) => {
  const server = await openSharedGateway(t, createWsTransport);
  const { session, token } = await server.speak();
  const { view, events, connected, cut } = open(t, server.url, { token });
  const expected: string[] = [];
  for (let round = 0; round < 8; round++) {
    await until(() => events.filter(({ type }) => type === 'watching').length === round + 1, `connection ${round}`);
    cut();
    session.partial(round, 1, 'in between');
    session.final(round, `Line ${round}.`);
    expected.push(`Line ${round}.`);
    session.partial(round + 1, 1, 'then');
    await until(() => view.text === [...expected, 'then'].join(' '), `line ${round}: ${view.text}`);
  }
  t.same(connected.slice(0, 4), [true, false, true, false]);
});

t.test('a network that dies without a word is noticed while nobody speaks', async (t) => {
  const server = await openSharedGateway(t, createWsTransport);
  const { session, token } = await server.speak();
  const proxy = await ChaosProxy.start(t, Number(new URL(server.url).port), CALM);
  const { view, events, connected } = open(t, proxy.url, { token, silenceMsMax: 600 });
  await until(() => events.length === 1, 'watching');
  proxy.freezeAll();
  session.final(0, 'Said while the network was dead.');
  await until(() => view.text === 'Said while the network was dead.', 'the line over a new connection');
  t.same(connected.slice(0, 3), [true, false, true]);
});

t.test('what no new try can mend ends it with the reason', async (t) => {
  const server = await openSharedGateway(t, createWsTransport);
  const { watching, sockets } = open(t, server.url, { token: 'wrong' });
  const { error } = await watching.closed;
  t.match(error, { name: 'ServerError', code: 'share_unknown', retryable: false });
  t.equal(sockets.length, 1);
});

t.test('a server that is full, or gone, is tried again', async (t) => {
  const server = await openSharedGateway(t, createWsTransport, { sharing: { viewersMax: 1 } });
  const { token } = await server.speak();
  const first = open(t, server.url, { token });
  await until(() => first.events.length > 0, 'the first viewer');
  const second = open(t, server.url, { token });
  await until(() => second.sockets.length > 2, 'several tries');
  first.watching.close();
  await until(() => second.events.some(({ type }) => type === 'watching'), 'a place');
  const nobody = open(t, 'ws://127.0.0.1:1', { token });
  await until(() => nobody.sockets.length > 2, 'several tries');
  nobody.watching.close();
  t.strictSame(await nobody.watching.closed, {});
});

t.test('a session that had to be started anew tells its new token', async (t) => {
  const server = await openSharedGateway(t, createWsTransport);
  const sockets: WebSocket[] = [];
  const session = connect(server.url, {
    share: true,
    reconnect: { delayMs: 1 },
    webSocket: (address, protocols) => {
      const socket = new WebSocket(address, protocols);
      sockets.push(socket);
      return socket;
    },
  });
  t.teardown(() => session.close());
  const { watchToken } = await session.ready();
  const restarted = new Promise<RestartedEvent>((resolve) => session.on('restarted', resolve));
  sockets[0]?.terminate();
  const { watchToken: token = '' } = await restarted;
  t.match(token, /^[\w-]{32}$/);
  t.not(token, watchToken);
  const { events } = open(t, server.url, { token });
  await until(() => events.some(({ type }) => type === 'watching'), 'the new session');
});

t.test('an address that is none is told at once', async (t) => {
  t.throws(() => watch('http:///v1/watch', { token: 'x', onEvent: () => {} }), TypeError);
  t.throws(() => watch('not a url', { token: 'x', onEvent: () => {} }), TypeError);
});
