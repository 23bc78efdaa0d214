// Forms that a stranger may send, through real sockets: every one that arrives whole is answered, none leaves an error
// to nobody.
import { connect } from 'node:net';
import { array, assert, asyncProperty, boolean, constantFrom, integer, record } from 'fast-check';
import t, { type Test } from 'tap';
import type { HttpRequest, HttpResponse } from '../../../server/src/http/exchange.js';
import { errorResponse, HttpError } from '../../../server/src/http/http-error.js';
import { jsonResponse } from '../../../server/src/http/json-response.js';
import { readMultipart, type MultipartLimits } from '../../../server/src/http/multipart.js';
import { currentRequest } from '../../../server/src/http/request-scope.js';
import { type CreateTransport, BOTH_TRANSPORTS } from '../../support/shared-gateway.js';
import { rounds } from '../../support/whole-run.js';

const BOUNDARY = 'between';
const LIMITS: MultipartLimits = { fileBytesMax: 40, fieldBytesMax: 20, partsMax: 4, filesMax: 1 };

type Kind = 'field' | 'longField' | 'file' | 'longFile' | 'octetField' | 'namelessFile' | 'headless';
/** What the handler does with the form. */
type Handling = 'reads' | 'passesOver' | 'failsAfterFirst' | 'stopsInFile' | 'keepsFileForLater';

function part(kind: Kind, at: number): string {
  const disposition = `content-disposition: form-data; name="part${at}"`;
  const value = 'x'.repeat(kind === 'longField' ? 50 : kind === 'longFile' ? 200 : 10);
  const headers = {
    field: disposition,
    longField: disposition,
    file: `${disposition}; filename="a.wav"\r\ncontent-type: audio/wav`,
    longFile: `${disposition}; filename="a.wav"\r\ncontent-type: audio/wav`,
    octetField: `${disposition}\r\ncontent-type: application/octet-stream`,
    namelessFile: 'content-disposition: form-data; filename="a.wav"',
    headless: '',
  }[kind];
  return `--${BOUNDARY}\r\n${headers}\r\n\r\n${value}\r\n`;
}

async function handle(request: HttpRequest): Promise<HttpResponse> {
  const handling = request.query.get('handling') as Handling;
  try {
    let parts = 0;
    const later: AsyncIterable<Uint8Array>[] = [];
    for await (const part of readMultipart(request, LIMITS)) {
      parts += 1;
      if (handling === 'failsAfterFirst') throw new HttpError(400, 'refused', 'No such field.');
      if (part.kind !== 'file') continue;
      if (handling === 'keepsFileForLater') later.push(part.bytes);
      else if (handling !== 'passesOver') {
        for await (const _ of part.bytes) if (handling === 'stopsInFile') break;
      }
    }
    return jsonResponse(200, { parts });
  } catch (error) {
    if (error instanceof HttpError) return errorResponse(error);
    throw error;
  }
}

/** Sends the first bytes of a form and then ends the sending side, or drops the connection; what came back. */
function send(port: number, handling: Handling, body: string, sent: number, isDropped: boolean): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (piece) => {
      answer += String(piece);
      if (/\r\n\r\n[^]*\n$/.test(answer)) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
    socket.write(
      `POST /?handling=${handling} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n` +
        `content-type: multipart/form-data; boundary=${BOUNDARY}\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    socket.write(body.slice(0, sent), () => {
      if (isDropped) socket.destroy();
      else if (sent < body.length) socket.end();
    });
  });
}

async function serve(t: Test, create: CreateTransport) {
  const stray: unknown[] = [];
  const note = (error: unknown) => stray.push(error);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    const others = process.listeners(event as 'uncaughtException');
    process.removeAllListeners(event);
    process.on(event, note);
    t.teardown(() => {
      process.removeAllListeners(event);
      for (const other of others) process.on(event as 'uncaughtException', other);
    });
  }
  const transport = create({
    handlers: {
      request: handle,
      upgrade: () => ({ accepted: false, response: { status: 404, contentType: '', body: '' } }),
      failed: note,
    },
    messageBytesMax: 1_000,
    closeTimeoutMs: 1_000,
  });
  t.teardown(() => transport.close());
  return { port: await transport.listen(0, '127.0.0.1'), stray };
}

for (const [name, create] of BOTH_TRANSPORTS) {
  t.test(`forms over ${name}`, { skip: create === undefined && 'no binary for this Node' }, async (t) => {
    if (create === undefined) return;
    const { port, stray } = await serve(t, create);
    const kinds = constantFrom<Kind[]>(
      'field',
      'longField',
      'file',
      'longFile',
      'octetField',
      'namelessFile',
      'headless',
    );
    const form = record({
      kinds: array(kinds, { maxLength: 6 }),
      handling: constantFrom<Handling[]>('reads', 'passesOver', 'failsAfterFirst', 'stopsInFile', 'keepsFileForLater'),
      // Beyond the end: whole. Most are.
      cutAt: integer({ min: 0, max: 2_000 }),
      isDropped: boolean(),
    });
    await assert(
      asyncProperty(form, async ({ kinds, handling, cutAt, isDropped }) => {
        const body = `${kinds.map(part).join('')}--${BOUNDARY}--\r\n`;
        const isWhole = cutAt >= body.length;
        const answer = await send(port, handling, body, cutAt, isDropped && !isWhole);
        if (stray.length > 0) throw new Error('an error that nobody caught', { cause: stray.pop() });
        if (isWhole && !/^HTTP\/1\.1 (?:200|400|413) /.test(answer)) throw new Error(`answered ${answer}`);
      }),
      { numRuns: rounds(300, 3_000) },
    );
    t.same(stray, []);
  });
}

for (const [name, create] of BOTH_TRANSPORTS) {
  t.test(`a field that is too long is refused while it is still being sent (${name})`, async (t) => {
    if (create === undefined) return;
    const { port, stray } = await serve(t, create);
    const start = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="x"\r\n\r\n${'y'.repeat(9_000)}`;
    const answer = new Promise<string>((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.once('data', (piece) => {
        resolve(String(piece));
        socket.destroy();
      });
      socket.write(
        `POST /?handling=reads HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=${BOUNDARY}\r\n` +
          `content-length: 50000\r\n\r\n${start}`,
      );
    });
    t.match(await answer, /^HTTP\/1\.1 413 [^]*body_too_large/);
    t.same(stray, []);
  });
}

t.test('every cut of a form with two files, whatever is done with it', async (t) => {
  const [, create] = BOTH_TRANSPORTS[0] ?? [];
  if (create === undefined) throw new Error('no transport');
  const { port, stray } = await serve(t, create);
  const body = `${part('file', 0)}${part('file', 1)}--${BOUNDARY}--\r\n`;
  for (const handling of ['reads', 'failsAfterFirst', 'keepsFileForLater'] as const) {
    for (let sent = 0; sent <= body.length; sent += rounds(7, 1)) await send(port, handling, body, sent, true);
  }
  t.same(stray, []);
});

for (const [name, create] of BOTH_TRANSPORTS) {
  t.test(`an error that a handler leaves to nobody costs its own request only (${name})`, async (t) => {
    if (create === undefined) return;
    const failed: (string | undefined)[] = [];
    const strays: string[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => {
      strays.push(error.message);
      currentRequest()?.fail(error);
    });
    t.teardown(() => {
      process.removeAllListeners('uncaughtException');
      for (const other of others) process.on('uncaughtException', other);
    });
    let left: Promise<unknown> | undefined;
    const transport = create({
      handlers: {
        request: ({ path }) => {
          if (path === '/stray') return new Promise<HttpResponse>(() => setImmediate(() => throwOut()));
          left = new Promise((resolve) => setImmediate(() => resolve(currentRequest())));
          return jsonResponse(200, { path });
        },
        upgrade: () => ({ accepted: false, response: { status: 404, contentType: '', body: '' } }),
        failed: (_, requestId) => failed.push(requestId),
      },
      messageBytesMax: 1_000,
      closeTimeoutMs: 1_000,
    });
    t.teardown(() => transport.close());
    const url = `http://127.0.0.1:${await transport.listen(0, '127.0.0.1')}`;
    const answer = await fetch(`${url}/stray`);
    t.equal(answer.status, 500);
    t.match(await answer.json(), { error: { code: 'internal' } });
    t.same(strays, ['nobody listens']);
    t.same(failed, [answer.headers.get('x-request-id')]);
    t.equal((await fetch(`${url}/other`)).status, 200);
    t.equal(await left, undefined, 'once no request waits for an answer, nobody is followed');
  });
}

function throwOut(): never {
  throw new Error('nobody listens');
}
