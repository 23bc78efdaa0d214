// What documents tell their readers to type: commands, and whole programs with how to run them.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** @param name from the repository's root */
function read(name: string): Promise<string> {
  return readFile(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');
}

/** Those of `sh` blocks, and those within sentences that begin with `npx sotto` or `curl`. */
export async function commandsIn(name: string): Promise<string[]> {
  const text = await read(name);
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));
  const inline = [...text.matchAll(/`((?:npx sotto|curl) [^`]+)`/g)].map(([, command = '']) => command);
  return [...blocks, ...inline].map((line) => line.replace(/\s*#.*$/, '').trim()).filter((line) => line !== '');
}

/** The blocks of JSON. */
export async function jsonIn(name: string): Promise<unknown[]> {
  return [...(await read(name)).matchAll(/```json\n([\s\S]*?)```/g)].map(([, block = '']): unknown =>
    JSON.parse(block),
  );
}

/** The code in the second column of tables whose first column begins so; `…` repeats the one above. */
export async function tableCode(name: string, first: string): Promise<string[]> {
  const found: string[] = [];
  let isWanted = false;
  for (const [, cell = '', code = ''] of (await read(name)).matchAll(/^\| ([^|]+) \| `([^`]+)`.*\|$/gm)) {
    isWanted = cell.startsWith('…') ? isWanted : cell.startsWith(first);
    if (isWanted) found.push(code);
  }
  return found;
}

/** A block of a document whose first lines say what to install, and how to run it. */
export interface DocumentedProgram {
  readonly registry: 'npm' | 'pip';
  readonly packages: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly file: string;
  readonly text: string;
}

const PROGRAM =
  /```(?:js|python)\n(?:\/\/|#) (npm|pip) install (.+)\n(?:\/\/|#) ((?:\w+=\S+ )*)(?:node|python) (\S+)\n([\s\S]*?)```/g;

export async function programsIn(name: string): Promise<DocumentedProgram[]> {
  return [...(await read(name)).matchAll(PROGRAM)].map(
    ([, registry, packages = '', variables = '', file = '', text = '']) => ({
      registry: registry === 'npm' ? 'npm' : 'pip',
      packages: packages.split(' '),
      environment: Object.fromEntries(
        variables
          .split(' ')
          .filter((one) => one !== '')
          .map((one) => one.split('=', 2)),
      ),
      file,
      text,
    }),
  );
}
