// Asks a running server over HTTP, for the commands that show what it keeps.
import { Option, type Command } from 'commander';
import { CommandError } from './command-error.js';

/** Adds `--server`. */
export function withServer(command: Command): Command {
  const option = new Option('--server <url>', 'the server').env('SOTTO_SERVER').default('http://127.0.0.1:8080');
  return command.addOption(option);
}

/** The key of the user: a flag would show in the list of processes. Throws CommandError for what is no key. */
export function keyOfUser(): string | undefined {
  const key = process.env['SOTTO_KEY'] || undefined;
  if (key === undefined || /^[\w.~-]+$/.test(key)) return key;
  throw new CommandError('SOTTO_KEY is no key: a key is made of letters, digits and the characters -._~', 2);
}

/** The answer to a request. Throws CommandError with what the server says, or that it is not there. */
export async function askServer(server: string, path: string, init: RequestInit = {}): Promise<Response> {
  const base = server.replace(/^ws/, 'http');
  if (!/^https?:/.test(base) || !URL.canParse(base)) {
    throw new CommandError(`--server: expected an address such as http://127.0.0.1:8080, got ${server}.`, 2);
  }
  const key = keyOfUser();
  const headers = new Headers(init.headers);
  if (key !== undefined) headers.set('authorization', `Bearer ${key}`);
  let response: Response;
  try {
    response = await fetch(new URL(path, base), { ...init, headers });
  } catch (cause) {
    throw new CommandError(`No server answers at ${base}: start one with npx sotto serve.`, 1, { cause });
  }
  if (response.ok) return response;
  throw new CommandError(await reasonOf(response), 1);
}

async function reasonOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { message: string } };
    return error.message;
  } catch {
    return `The server answered with ${response.status}.`;
  }
}
