// `sotto mcp`: a running server as tools for language models, over standard input and output.
import type { Command } from 'commander';
import { McpServer } from './mcp/json-rpc.js';
import { sottoTools } from './mcp/tools.js';
import { withServer } from './server-request.js';

/** Characters of one line. Beyond, nothing more is read. */
const LINE_CHARS_MAX = 4_194_304;

export function registerMcpCommand(program: Command): void {
  const description = 'Offer a running server to language models, as tools of the Model Context Protocol.';
  withServer(program.command('mcp').description(description)).action(({ server }: { server: string }) => serve(server));
}

/** Resolves when standard input is at its end and all is answered. */
async function serve(server: string): Promise<void> {
  const mcp = new McpServer(sottoTools(server), (line) => process.stdout.write(line));
  const answering = new Set<Promise<void>>();
  let rest = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const answer = mcp.take(line);
      answering.add(answer);
      void answer.finally(() => answering.delete(answer));
    }
    if (rest.length <= LINE_CHARS_MAX) continue;
    mcp.refuse(`A line is longer than ${LINE_CHARS_MAX} characters.`);
    process.stdin.destroy();
    break;
  }
  await Promise.all(answering);
}
