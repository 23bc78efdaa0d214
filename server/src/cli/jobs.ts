// `sotto jobs`: recordings that a server transcribes in the background: add, list, show, cancel.
import { messageOf } from '@sotto/protocol';
import { constants, openAsBlob } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { CommandError } from './command-error.js';
import { askServer, withServer } from './server-request.js';

interface ServerFlag {
  readonly server: string;
}

interface AddFlags extends ServerFlag {
  readonly language?: string;
  readonly track?: string;
  readonly prompt?: string;
  readonly polish?: string;
}

interface ShownJob {
  readonly id: string;
  readonly state: string;
  readonly name: string;
  readonly createdAt: string;
  readonly progress: number;
  readonly etaMs?: number;
  readonly error?: { readonly message: string };
}

export function registerJobsCommand(program: Command): void {
  const jobs = program.command('jobs').description('Recordings that a server transcribes in the background.');

  withServer(jobs.command('add <file>').description('Upload a recording; prints the id of its job.'))
    .option('--language <code>', 'language spoken, such as en, or auto')
    .option('--track <track>', 'the sound track of a file with several, by number or language')
    .option('--prompt <text>', 'text that sets the style')
    .option('--polish <mode>', 'cleaned-up text: punctuation added, fillers removed')
    .action(add);

  withServer(jobs.command('list').description('List jobs, the newest first.')).action(list);
  withServer(jobs.command('show <id>').description('Show how far a job is.')).action(show);
  withServer(
    jobs.command('delete <id>').description('Cancel a job, or forget one that is over, with its transcript.'),
  ).action(remove);
}

async function add(file: string, { server, ...fields }: AddFlags): Promise<void> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (typeof value === 'string') form.set(name, value);
  form.set('file', await open(file), basename(file));
  const response = await askServer(server, '/v1/jobs', { method: 'POST', body: form });
  process.stdout.write(`${((await response.json()) as ShownJob).id}\n`);
}

/** Read as it is sent, never held whole. */
async function open(file: string): Promise<Blob> {
  try {
    // The other says only that it did not open.
    await access(file, constants.R_OK);
    return await openAsBlob(file);
  } catch (cause) {
    throw new CommandError(`Cannot read ${file}: ${messageOf(cause)}`, 1, {
      cause,
    });
  }
}

async function list({ server }: ServerFlag): Promise<void> {
  const { jobs } = (await (await askServer(server, '/v1/jobs?limit=100')).json()) as { jobs: readonly ShownJob[] };
  for (const job of jobs) process.stdout.write(`${lineOf(job)}\n`);
  if (jobs.length === 0) process.stderr.write('sotto: No jobs.\n');
}

async function show(id: string, { server }: ServerFlag): Promise<void> {
  const response = await askServer(server, `/v1/jobs/${encodeURIComponent(id)}`);
  process.stdout.write(`${lineOf((await response.json()) as ShownJob)}\n`);
}

async function remove(id: string, { server }: ServerFlag): Promise<void> {
  await askServer(server, `/v1/jobs/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

function lineOf({ id, state, name, createdAt, progress, etaMs, error }: ShownJob): string {
  const eta = etaMs === undefined ? '' : `${Math.ceil(etaMs / 1_000)} s to go`;
  const percent = `${Math.floor(progress * 100)} %`.padStart(5);
  return [id, createdAt, state.padEnd(9), percent, name, eta, error?.message ?? ''].join('  ').trimEnd();
}
