// `sotto transcripts`: what a server keeps of what was said: list, search, show, delete.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { DOCUMENT_FORMATS } from '../transcripts/transcript-document.js';
import { askServer, withServer } from './server-request.js';

interface ServerFlag {
  readonly server: string;
}

interface Listed {
  readonly id: string;
  readonly createdAt: string;
  readonly state: string;
  readonly source: string;
  readonly audioMs: number;
  readonly name?: string;
  readonly matches?: readonly { readonly startMs: number; readonly text: string }[];
}

export function registerTranscriptsCommand(program: Command): void {
  const transcripts = program.command('transcripts').description('The transcripts that a server keeps.');

  withServer(transcripts.command('list').description('List transcripts, the newest first.'))
    .option('--search <words>', 'only those with all of these words')
    .option('--limit <count>', 'at most this many (1-100)', upTo100, 20)
    .action(list);

  withServer(transcripts.command('show <id>').description('Print a transcript.'))
    .addOption(new Option('-f, --format <format>', 'as').choices(DOCUMENT_FORMATS).default('txt'))
    .option('--polished', 'polished text where there is any')
    .action(show);

  withServer(transcripts.command('delete <id>').description('Delete a transcript for good.')).action(remove);
}

async function list({ server, search = '', limit }: ServerFlag & { search?: string; limit: number }): Promise<void> {
  const query = new URLSearchParams({ limit: `${limit}`, ...(search !== '' && { q: search }) });
  const response = await askServer(server, `/v1/transcripts?${query}`);
  const { transcripts } = (await response.json()) as { transcripts: readonly Listed[] };
  for (const { id, createdAt, state, audioMs, name = '', matches = [] } of transcripts) {
    const seconds = `${Math.round(audioMs / 1_000)} s`;
    process.stdout.write(`${[id, createdAt, state.padEnd(11), seconds.padStart(7), name].join('  ').trimEnd()}\n`);
    for (const { startMs, text } of matches) process.stdout.write(`    ${clock(startMs)}  ${text.trim()}\n`);
  }
  if (transcripts.length === 0) process.stderr.write('sotto: No transcripts.\n');
}

async function show(id: string, { server, format, polished }: ServerFlag & { format: string; polished?: true }) {
  const query = new URLSearchParams({ format, text: polished === true ? 'polished' : 'raw' });
  const response = await askServer(server, `/v1/transcripts/${encodeURIComponent(id)}?${query}`);
  process.stdout.write(new Uint8Array(await response.arrayBuffer()));
}

async function remove(id: string, { server }: ServerFlag): Promise<void> {
  await askServer(server, `/v1/transcripts/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

function clock(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

function upTo100(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100) {
    throw new InvalidArgumentError('Expected a whole number from 1 to 100.');
  }
  return value;
}
