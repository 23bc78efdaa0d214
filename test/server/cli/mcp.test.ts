// `sotto mcp` as a client of the Model Context Protocol drives it: lines over its standard input and output.
import { createInterface } from 'node:readline';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runSotto } from '../../support/run-command.js';
import { testFolder } from '../../support/test-folder.js';

interface Answer {
  readonly id?: number | null;
  readonly result?: { readonly content?: readonly { readonly text: string }[]; readonly isError?: boolean };
  readonly error?: { readonly code: number; readonly message: string };
}

/** Captions of a shared session, as they grow. */
const CAPTIONS = ['WEBVTT\n\n00:00.000 --> 00:01.000\nHello.\n\n', '00:01.000 --> 00:02.000\nGood morning.\n\n'];

/** What a server answers at the addresses that the tools use; notes what it is asked. */
async function startServer(t: Test) {
  const asked: string[] = [];
  let looks = 0;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''} ${body}`);
      const { pathname } = new URL(request.url ?? '', 'http://localhost');
      if (pathname === '/v1/audio/transcriptions') return response.end('Ask not.');
      if (pathname === '/v1/transcripts') return response.end('{"transcripts":[]}');
      if (pathname === '/v1/transcripts/t_1') return response.end('What was said.\n');
      if (pathname === '/v1/watch/w1/captions.vtt') return response.end(CAPTIONS.slice(0, ++looks).join(''));
      response.statusCode = 404;
      return response.end('{"error":{"message":"There is no such transcript."}}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  return { asked, url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}` };
}

function startMcp(t: Test, server: string) {
  const { child, result } = runSotto(['mcp', '--server', server], { env: { SOTTO_KEY: 'sk_test' } });
  t.teardown(() => child.kill());
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('It has no standard streams.');
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  let count = 0;
  const next = async (): Promise<Answer> => JSON.parse(String((await lines.next()).value)) as Answer;
  return {
    result,
    next,
    line: (line: string) => stdin.write(`${line}\n`),
    end: () => stdin.end(),
    async ask(method: string, params?: object): Promise<Answer> {
      stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: ++count, method, params })}\n`);
      const answer = await next();
      t.equal(answer.id, count);
      return answer;
    },
    async call(name: string, args: object): Promise<string> {
      const { result } = await this.ask('tools/call', { name, arguments: args });
      return `${result?.isError === true ? 'error: ' : ''}${result?.content?.[0]?.text ?? ''}`;
    },
  };
}

t.test('a client finds the tools and calls them', async (t) => {
  const { url, asked } = await startServer(t);
  const mcp = startMcp(t, url);
  const client = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  t.match(await mcp.ask('initialize', client), {
    result: { protocolVersion: '2025-03-26', capabilities: { tools: {} }, serverInfo: { name: 'sotto' } },
  });
  mcp.line('{"jsonrpc":"2.0","method":"notifications/initialized"}');
  t.strictSame((await mcp.ask('ping')).result, {});
  t.match(await mcp.ask('tools/list'), {
    result: {
      tools: ['transcribe_file', 'search_transcripts', 'get_transcript', 'follow_session'].map((name) => ({
        name,
        description: String,
        inputSchema: { type: 'object' },
      })),
    },
  });
  const path = join(testFolder(t), 'talk.wav');
  await writeFile(path, 'RIFF');
  t.equal(await mcp.call('transcribe_file', { path, language: 'en' }), 'Ask not.');
  t.match(asked.at(-1), /^POST \/v1\/audio\/transcriptions Bearer sk_test [^]*filename="talk\.wav"/);
  t.equal(await mcp.call('search_transcripts', { words: 'two words', limit: 3 }), '{"transcripts":[]}');
  t.match(asked.at(-1), /^GET \/v1\/transcripts\?limit=3&q=two\+words /);
  t.equal(await mcp.call('get_transcript', { id: 't_1' }), 'What was said.\n');
  t.equal(await mcp.call('follow_session', { token: 'w1' }), '00:00.000 --> 00:01.000\nHello.\n\nknown: 1');
  t.equal(
    await mcp.call('follow_session', { token: 'w1', known: 1 }),
    '00:01.000 --> 00:02.000\nGood morning.\n\nknown: 2',
  );
  t.equal(
    await mcp.call('follow_session', { token: 'w1', known: 2, wait_seconds: 0 }),
    'Nothing new was said.\n\nknown: 2',
  );
  mcp.end();
  t.match(await mcp.result, { code: 0, stderr: '' });
});

t.test('what is wrong is answered, and the next message is read', async (t) => {
  const { url } = await startServer(t);
  const mcp = startMcp(t, url);
  for (const [line, code] of [
    ['{', -32_700],
    ['[]', -32_600],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32_600],
    ['{"jsonrpc":"2.0","id":1,"method":"resources/list"}', -32_601],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rm"}}', -32_602],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call"}', -32_602],
  ] as const) {
    mcp.line(line);
    t.match(await mcp.next(), { error: { code } }, line);
  }
  t.equal(await mcp.call('get_transcript', { id: '../x' }), 'error: There is no such transcript.');
  t.match(await mcp.call('get_transcript', {}), /^error: id: /);
  t.match(
    await mcp.call('transcribe_file', { path: '/no/such.wav' }),
    /^error: Cannot read \/no\/such\.wav: .*no such file/,
  );
  t.match(await mcp.call('follow_session', { token: 'w1', wait_seconds: 1e9 }), /^error: wait_seconds: /);
  // A call that is cancelled is not answered: the ping behind it is.
  mcp.line(
    '{"jsonrpc":"2.0","id":"f","method":"tools/call","params":{"name":"follow_session","arguments":{"token":"w1","known":9}}}',
  );
  mcp.line('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"f"}}');
  t.strictSame((await mcp.ask('ping')).result, {});
  mcp.end();
  t.equal((await mcp.result).code, 0);
});

t.test('without a server a call says what to do', async (t) => {
  const mcp = startMcp(t, 'http://127.0.0.1:1');
  t.match(await mcp.call('search_transcripts', {}), /^error: No server answers at .*: start one with npx sotto serve/);
});
