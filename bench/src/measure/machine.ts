// What a result was measured on: machine, versions, commit and command.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';

export const Provenance = v.object({
  takenAt: v.string(),
  /** The command as it can be typed again at the repository's root. */
  command: v.string(),
  machine: v.object({
    cpu: v.string(),
    cores: v.number(),
    memoryGiB: v.number(),
    os: v.string(),
    /** GPUs with their driver, as nvidia-smi tells them. */
    gpus: v.optional(v.array(v.string()), []),
    /** Load averages over 1, 5 and 15 minutes when the bench began: what else the machine was doing. */
    loadAverage: v.array(v.number()),
  }),
  versions: v.record(v.string(), v.string()),
  git: v.object({ commit: v.string(), hasLocalChanges: v.boolean() }),
});

export type Provenance = v.InferOutput<typeof Provenance>;

/** The repository's root. */
export const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url));

const PACKAGES = ['sotto', 'onnxruntime-node', 'uWebSockets.js', 'ws', 'koffi'] as const;

/** Describes this machine and checkout; call it before the work, so that the load averages are not our own. */
export function describeProvenance(argv: readonly string[] = process.argv.slice(2)): Provenance {
  const cpus = os.cpus();
  return {
    takenAt: new Date().toISOString(),
    command: `npm run bench -- ${argv.map(quoted).join(' ')}`,
    machine: {
      cpu: cpus[0]?.model.trim() ?? 'unknown',
      cores: cpus.length,
      memoryGiB: Math.round((os.totalmem() / 2 ** 30) * 10) / 10,
      os: `${os.type()} ${os.release()} ${os.arch()}`,
      gpus: gpus(),
      loadAverage: os.loadavg().map((load) => Math.round(load * 100) / 100),
    },
    versions: { node: process.versions.node, ...packageVersions() },
    git: {
      commit: git('rev-parse', 'HEAD') ?? 'unknown',
      hasLocalChanges: (git('status', '--porcelain') ?? '') !== '',
    },
  };
}

const quoted = (argument: string): string =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;

function packageVersions(): Record<string, string> {
  const require = createRequire(import.meta.url);
  const versions: Record<string, string> = {};
  for (const name of PACKAGES) {
    const path = name === 'sotto' ? `${repositoryRoot}package.json` : packageFile(require, name);
    const parsed = path === undefined ? undefined : v.safeParse(v.object({ version: v.string() }), readJson(path));
    if (parsed?.success === true) versions[name] = parsed.output.version;
  }
  return versions;
}

/** The package.json of an installed package, whatever its `exports` allow. */
function packageFile(require: NodeJS.Require, name: string): string | undefined {
  const folder = (require.resolve.paths(name) ?? []).map((path) => `${path}/${name}/package.json`);
  return folder.find((path) => readJson(path) !== undefined);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

const git = (...args: string[]): string | undefined => outputOf('git', args);

/** `NVIDIA H100 80GB HBM3, driver 580.159.04`; none where there is no nvidia-smi. */
function gpus(): string[] {
  const lines = outputOf('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader']) ?? '';
  return lines.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/,\s*/, ', driver ')]));
}

/** What a program prints; undefined where it is not installed or fails. */
function outputOf(program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, {
      cwd: repositoryRoot,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    }).trim();
  } catch {
    return undefined;
  }
}
