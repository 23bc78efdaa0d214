// Where plug-ins are tried against the frameworks that they plug into, which come from PyPI and npm: hundreds of
// megabytes, kept in node_modules/.cache.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { INSTALL_TIMEOUT_MS, npmInstall, PACKAGE_CACHE, placeOrReason, type PackagePlace } from './foreign-packages.js';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(PACKAGE_CACHE, 'plugins');

/** The frameworks, with their own plug-ins for OpenAI and Deepgram. */
const PYTHON = [
  'livekit-agents==1.8.0',
  'livekit-plugins-deepgram==1.8.0',
  'livekit-plugins-openai==1.8.0',
  'pipecat-ai[deepgram,openai]==1.14.0',
];
const NODE = [
  '@livekit/agents@1.8.1',
  '@livekit/agents-plugin-deepgram@1.8.1',
  '@livekit/agents-plugin-openai@1.8.1',
  '@livekit/rtc-node@^0.13.34',
  'ws@^8',
  'zod@^4',
];

/** A Python with the plug-ins and their frameworks. */
export async function pythonPlace(): Promise<PackagePlace> {
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
export async function nodePlace(): Promise<PackagePlace> {
  const folder = join(cache, 'node');
  return placeOrReason(folder, async () => {
    await mkdir(folder, { recursive: true });
    const packages = ['client-sdk', 'plugins/livekit-node'].map((name) => join(repository, name));
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder, ...packages], {
      cwd: folder,
      timeout: INSTALL_TIMEOUT_MS,
    });
    const tarballs = (JSON.parse(stdout) as { filename: string }[]).map(({ filename }) => `./${filename}`);
    await npmInstall(folder, [...NODE, ...tarballs]);
  });
}
