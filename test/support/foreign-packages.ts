// Packages of others that tests are run against, from npm and PyPI: in node_modules/.cache, so that they are fetched
// once.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const PACKAGE_CACHE = fileURLToPath(new URL('../../node_modules/.cache', import.meta.url));
/** How long a registry may take, milliseconds. */
export const INSTALL_TIMEOUT_MS = 600_000;

/** Where packages are, or why they are not. */
export type PackagePlace = { readonly program: string } | { readonly missing: string };

/** A folder with just these packages: from its files Node finds them, or Python with it as `PYTHONPATH`. */
export function packagesPlace(registry: 'npm' | 'pip', packages: readonly string[]): Promise<PackagePlace> {
  const folder = join(PACKAGE_CACHE, 'clients', packages.join('+').replaceAll(/[^\w.+-]/g, '_'));
  return placeOrReason(folder, async () => {
    const done = join(folder, '.complete');
    if (existsSync(done)) return;
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await (registry === 'npm' ? npmInstall(folder, packages) : pipInstall(folder, packages));
    await writeFile(done, '');
  });
}

/** Into a package of its own, with no other's workspace or lock file. */
export async function npmInstall(folder: string, packages: readonly string[]): Promise<void> {
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  await run('npm', ['install', '--no-audit', '--no-fund', '--no-save', '--prefer-offline', ...packages], {
    cwd: folder,
    timeout: INSTALL_TIMEOUT_MS,
  });
}

async function pipInstall(folder: string, packages: readonly string[]): Promise<void> {
  const flags = ['--quiet', '--disable-pip-version-check', '--no-compile', '--target', folder];
  await run('python3', ['-m', 'pip', 'install', ...flags, ...packages], { timeout: INSTALL_TIMEOUT_MS });
}

/** What a registry that is there answers where a name or a version is wrong: no reason to skip anything. */
const WRONG = /ERESOLVE|ETARGET|E404|EINVALIDPACKAGENAME|ResolutionImpossible|from versions: \d/;

/** `program` once it is made. Rejects where what is asked for does not exist or does not fit together. */
export async function placeOrReason(program: string, make: () => Promise<void>): Promise<PackagePlace> {
  try {
    await make();
    return { program };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (WRONG.test(message)) throw error;
    const [line = ''] = message.split('\n');
    return { missing: `what it needs cannot be had: ${line}` };
  }
}
