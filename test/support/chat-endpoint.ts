// A real HTTP server that answers chat completions as a test wants: well, slowly, wrongly, or not at all.
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface ChatCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: {
    readonly model: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly max_tokens: number;
    readonly stream: boolean;
  };
}

export type ChatScript = (response: ServerResponse, call: ChatCall) => void;

export interface ChatEndpoint {
  readonly url: string;
  readonly calls: readonly ChatCall[];
  /** What it does with the next calls. */
  script: ChatScript;
}

/** Starts it on a free port until the test ends. */
export async function startChatEndpoint(t: Test, script: ChatScript): Promise<ChatEndpoint> {
  const calls: ChatCall[] = [];
  const endpoint = { url: '', calls, script };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as ChatCall['body'];
      const call = { path: request.url ?? '', headers: request.headers, body };
      calls.push(call);
      endpoint.script(response, call);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  endpoint.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return endpoint;
}

/** What stands between the speech tags of a call. */
export function saidIn({ body }: ChatCall): string {
  return /<speech[^>]*>\n([\s\S]*)\n<\/speech/.exec(body.messages.at(-1)?.content ?? '')?.[1] ?? '';
}

/** Streams a text in pieces, as such servers do. */
export function streams(text: string | ((call: ChatCall) => string)): ChatScript {
  return (response, call) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const whole = typeof text === 'string' ? text : text(call);
    for (const content of whole.match(/[\s\S]{1,7}/gu) ?? []) response.write(piece(content));
    response.write(`data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] })}\n\n`);
    response.end('data: [DONE]\n\n');
  };
}

/** One event with a piece of text. */
export function piece(content: string): string {
  return `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
}
