// Where plug-ins are tried against the frameworks that they plug into, which come from PyPI and npm: hundreds of
// megabytes, kept in node_modules/.cache.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(repository, 'node_modules/.cache/plugins');
/** How long a registry may take, milliseconds. */
const INSTALL_TIMEOUT_MS = 600_000;

const PYTHON = ['livekit-agents==1.8.0', 'pipecat-ai==1.14.0'];
const NODE = ['@livekit/agents@1.8.1', '@livekit/rtc-node@^0.13.34', 'ws@^8', '@types/ws@^8', 'zod@^4'];

/** What can run plug-ins, or why nothing can. */
export type PluginPlace = { readonly program: string } | { readonly missing: string };

/** A Python with the plug-ins and their frameworks. */
export async function pythonPlace(): Promise<PluginPlace> {
  const folder = join(cache, 'python');
  const program = join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const pip = (...args: string[]) =>
    run(program, ['-m', 'pip', 'install', '--quiet', ...args], { timeout: INSTALL_TIMEOUT_MS });
  return placeOrReason(program, async () => {
    if (!existsSync(program)) await run('python3', ['-m', 'venv', folder]);
    const plugin = join(repository, 'plugins/python');
    await pip(`${plugin}[livekit,pipecat]`, ...PYTHON);
    // What was installed before may be an older state of it.
    await pip('--force-reinstall', '--no-deps', plugin);
  });
}

/** A folder from which Node finds the plug-in, packed as people get it, and LiveKit. */
export async function nodePlace(): Promise<PluginPlace> {
  const folder = join(cache, 'node');
  return placeOrReason(folder, async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
    const packages = ['client-sdk', 'plugins/livekit-node'].map((name) => join(repository, name));
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder, ...packages], {
      cwd: folder,
      timeout: INSTALL_TIMEOUT_MS,
    });
    const tarballs = (JSON.parse(stdout) as { filename: string }[]).map(({ filename }) => `./${filename}`);
    await run('npm', ['install', '--no-audit', '--no-fund', '--no-save', ...NODE, ...tarballs], {
      cwd: folder,
      timeout: INSTALL_TIMEOUT_MS,
    });
  });
}

async function placeOrReason(program: string, make: () => Promise<void>): Promise<PluginPlace> {
  try {
    await make();
    return { program };
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { missing: `the frameworks cannot be had: ${line}` };
  }
}
