// What Deepgram's live API refuses, and how its sockets end.
import { once } from 'node:events';
import * as fc from 'fast-check';
import t from 'tap';
import { WebSocket } from 'ws';
import { readControl } from '../../../../server/src/api/compat/deepgram/client-messages.js';
import { ListenQueryError, readListenOptions } from '../../../../server/src/api/compat/deepgram/listen-options.js';
import { openCompatGateway } from '../../../support/compat-gateway.js';
import { connectEvents } from '../../../support/event-client.js';
import { openListen, RAW, speech, stream } from '../../../support/listen-client.js';
import { oneKey } from '../../../support/one-key.js';
import { holds } from '../../../support/property.js';

t.test('DG-4: bad queries and keys are refused before the upgrade, with headers that say why', async (t) => {
  const authorizer = oneKey('good');
  const { url } = await openCompatGateway(t, { authorizer });
  const refused = async (query: string, key = 'good') => {
    const socket = new WebSocket(`${url}/v1/listen?${query}`, { headers: { authorization: `Token ${key}` } });
    socket.on('error', () => {});
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      AsyncIterable<Buffer> & { statusCode: number; headers: Record<string, string> },
    ];
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part);
    socket.terminate();
    return { status: response.statusCode, headers: response.headers, body: JSON.parse(String(Buffer.concat(parts))) };
  };
  t.match(await refused(RAW, 'bad'), {
    status: 401,
    headers: { 'dg-error': /credentials/, 'dg-request-id': /./ },
    body: { err_code: 'INVALID_AUTH', err_msg: String, request_id: /^[\da-f-]{36}$/ },
  });
  const wrong = ['encoding=mp3', 'encoding=linear16', `${RAW}&language=xx`, `${RAW}&channels=0`, `${RAW}&channels=9`];
  wrong.push(`${RAW}&utterance_end_ms=10`, `${RAW}&endpointing=soon`, `${RAW}&interim_results=1`, 'encoding=speex');
  wrong.push('encoding=linear16&sample_rate=4000', 'encoding=linear16&sample_rate=x', `${RAW}&language=en%0d%0ax`);
  for (const query of wrong)
    t.match(
      await refused(query),
      { status: 400, headers: { 'dg-error': /expected|know/ }, body: { err_code: 'INVALID_QUERY_PARAMETER' } },
      query,
    );
});

t.test('wrong frames: what is no message closes with 1008, what is unknown is ignored', async (t) => {
  for (const text of ['{', '[]', '7', '{"typ":"KeepAlive"}', '{"type":7}']) {
    const { client } = await openListen(t, RAW);
    client.send(text);
    t.match(await client.closed, { code: 1008, reason: /DATA-0000/ }, text);
  }
  const { client } = await openListen(t, `${RAW}&unknown=yes&tag=a&redact=pci`);
  client.send({ type: 'Configure', processors: {} }, { type: 'Whatever' }, { type: 'Finalize', channel: 'x' });
  client.send(
    Buffer.from([1]),
    Buffer.from([2, 3, 4]),
    { type: 'CloseStream' },
    { type: 'Finalize' },
    Buffer.from([1, 2]),
  );
  t.match(await client.closed, { code: 1000 });

  const flooded = await openListen(t, RAW, { limits: { messagesPerSecondMax: 10 } });
  for (let i = 0; i < 50; i++) flooded.client.send({ type: 'KeepAlive' });
  t.match(await flooded.client.closed, { code: 1008 });
  const large = await openListen(t, RAW, { limits: { messageBytesMax: 10_000 } });
  large.client.send(Buffer.alloc(15_000));
  t.match(await large.client.closed, { code: 1009 });
});

t.test('sockets that vanish, and a shutdown', async (t) => {
  const { client, vad, gateway, url } = await openListen(t, `${RAW}&vad_events=true`);
  stream(client, speech(1));
  await client.next('SpeechStarted');
  client.socket.terminate();
  const other = await connectEvents(t, `${url}/v1/listen?${RAW}&vad_events=true`);
  stream(other, speech(1));
  await other.next('SpeechStarted');
  await gateway.drain();
  t.match(await other.closed, { code: 1001 });
  t.strictSame(other.types, ['SpeechStarted', 'Results', 'Metadata']);
  t.equal(vad.openStreams, 0);
  const socket = new WebSocket(`${url}/v1/listen?${RAW}`);
  const [error] = (await once(socket, 'error')) as [Error];
  t.match(error.message, /503/);
});

t.test('no query and no text makes the readers throw anything unforeseen', async (t) => {
  const names = [
    'encoding',
    'sample_rate',
    'channels',
    'language',
    'endpointing',
    'utterance_end_ms',
    'keywords',
    'punctuate',
  ];
  const pairs = fc.array(
    fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string()), fc.oneof(fc.string(), fc.nat().map(String))),
  );
  holds(
    t,
    fc.property(pairs, (query) => {
      try {
        readListenOptions(new URLSearchParams(query), ['en']);
      } catch (error) {
        if (!(error instanceof ListenQueryError)) throw error;
      }
    }),
  );
  holds(
    t,
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => void readControl(text)),
  );
});
