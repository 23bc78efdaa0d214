// What is not WebSocket, or is too long for us, ends its connection unread.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Test } from 'tap';
import { until } from '../until.js';
import { MESSAGE_BYTES_MAX, serve, UPGRADE, type Create } from './sockets.js';

export function brokenFrames(t: Test, create: Create): void {
  t.test('a message beyond the bound ends the connection unread', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    client.on('error', () => {});
    client.send(Buffer.alloc(MESSAGE_BYTES_MAX + 1));
    await once(client, 'close');
    await until(() => server.only().closed.length === 1);
    t.same(server.only().messages, []);
  });

  t.test('text that is not UTF-8 ends the connection unread', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    client.on('error', () => {});
    client.send(Buffer.from([0x61, 0xff, 0xfe]), { binary: false });
    await once(client, 'close');
    await until(() => server.only().closed.length === 1);
    t.same(server.only().messages, []);
  });

  t.test('CL5: what breaks WebSocket ends the connection unread, as the library does it', async (t) => {
    const breaks = {
      'reserved bits': { first: 0xf1, text: Buffer.from('hi'), code: 1002 },
      'a control frame in fragments': { first: 0x09, text: Buffer.from('hi'), code: 1002 },
      'text that is no UTF-8': { first: 0x81, text: Buffer.from([0x61, 0xff]), code: 1007 },
      'a message beyond the bound': { first: 0x82, text: Buffer.alloc(1), length: 2 ** 31, code: 1009 },
    };
    for (const [what, { code, ...frame }] of Object.entries(breaks)) {
      const server = await serve(t, create);
      const closedWith = await rawFrame(server.port, rawBytes(frame));
      t.equal(closedWith, server.transport.name === 'ws' ? code : undefined, what);
      await until(() => server.only().closed.length === 1);
      t.same([server.only().closed, server.only().messages], [[1006], []], what);
    }
  });

  t.test('CL5: an unmasked frame is never heard as what it says', async (t) => {
    const server = await serve(t, create);
    const text = Buffer.from('hello, this is a text');
    const bytes = Buffer.concat([Buffer.from([0x81, text.length]), text, Buffer.from('more')]);
    const closing = rawFrame(server.port, bytes);
    await until(() => server.accepted.some(({ closed, messages }) => closed.length + messages.length > 0));
    const said = server.only().messages.map(({ data }) => Buffer.from(data).toString());
    t.notOk(said.some((one) => one.includes('hello')));
    server.only().socket.terminate();
    t.equal(await closing, server.transport.name === 'ws' ? 1002 : undefined);
  });
}

/** A masked frame, with a mask of zeros; `length`: what it claims where that is not true. */
function rawBytes({ first, text, length }: { first: number; text: Buffer; length?: number }): Buffer {
  const head = Buffer.from([first, 0x80 | (length === undefined ? text.length : 127)]);
  const claim = Buffer.alloc(length === undefined ? 0 : 8);
  if (length !== undefined) claim.writeBigUInt64BE(BigInt(length));
  return Buffer.concat([head, claim, Buffer.alloc(4), text]);
}

/** Sends bytes after an upgrade; the code of the close frame that came before the end, undefined without one. */
async function rawFrame(port: number, bytes: Buffer): Promise<number | undefined> {
  const socket = connectTcp(port, '127.0.0.1');
  let got = Buffer.alloc(0);
  let isUpgraded = false;
  socket.on('error', () => {});
  socket.on('data', (data) => {
    got = Buffer.concat([got, data]);
    const end = got.indexOf('\r\n\r\n');
    if (isUpgraded || end < 0) return;
    isUpgraded = true;
    got = got.subarray(end + 4);
    socket.write(bytes);
  });
  socket.write(UPGRADE);
  await once(socket, 'close');
  return got[0] === 0x88 && got.length >= 4 ? got.readUInt16BE(2) : undefined;
}
