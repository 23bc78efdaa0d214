// `sotto keys`: the API keys of a server: create, list, revoke; works in its store, whether it runs or not.
import { InvalidArgumentError, type Command } from 'commander';
import { AccessError } from '../access/access-error.js';
import { SCOPES, type Scope } from '../access/api-key.js';
import { KeyRing } from '../access/key-ring.js';
import { keysMarker, markKeys } from '../access/open-access.js';
import { settingOptions } from '../config/describe-settings.js';
import { openRecords } from '../store/open-store.js';
import { StoreError } from '../store/store-error.js';
import { CommandError } from './command-error.js';
import { settingsOf, type SettingFlags } from './setting-flags.js';

const STORE_FLAGS: ReadonlySet<string> = new Set(['--store', '--data-dir', '--redis-url']);

interface CreateFlags {
  readonly name: string;
  readonly scopes: readonly Scope[];
}

export function registerKeysCommand(program: Command): void {
  const keys = program
    .command('keys')
    .description(
      'API keys of a server: once there is one, clients need one. A running server sees a change within a second.',
    );

  withStore(keys.command('create').description('Make a key; prints it, once.'))
    .option('--name <text>', 'what it is for', '')
    .option('--scopes <list>', `some of ${SCOPES.join(', ')}`, scopesOf, ['stream', 'files', 'watch'])
    .action(({ name, scopes, ...flags }: CreateFlags & SettingFlags) =>
      withRing(flags, async (ring, marker) => {
        const { text } = await ring.create({ name, scopes });
        if (marker !== undefined) markKeys(marker);
        process.stdout.write(`${text}\n`);
      }),
    );

  withStore(keys.command('list').description('List keys, the oldest first; their secrets are not kept.')).action(
    (flags: SettingFlags) =>
      withRing(flags, async (ring) => {
        for (const { id, name, scopes, createdAt, revokedAt } of ring.list()) {
          const state = revokedAt === undefined ? 'valid  ' : 'revoked';
          const made = new Date(createdAt).toISOString();
          process.stdout.write(`${[id, made, state, scopes.join(','), name].join('  ').trimEnd()}\n`);
        }
        if (!ring.hasKeys) process.stderr.write('sotto: No keys.\n');
      }),
  );

  withStore(keys.command('revoke <id>').description('Revoke a key, with all tokens that it gave out.')).action(
    (id: string, flags: SettingFlags) =>
      withRing(flags, async (ring) => {
        if (!(await ring.revoke(id))) throw new CommandError(`There is no valid key ${id}: see sotto keys list.`, 1);
      }),
  );
}

/** Adds the flags that say where the keys are. */
function withStore(command: Command): Command {
  command.option('--config <file>', 'JSON file with settings by their keys (env: SOTTO_CONFIG)');
  for (const option of settingOptions()) if (STORE_FLAGS.has(option.long ?? '')) command.addOption(option);
  return command;
}

async function withRing(
  flags: SettingFlags,
  work: (ring: KeyRing, marker: string | undefined) => Promise<void>,
): Promise<void> {
  const { settings } = settingsOf(flags);
  try {
    const store = await openRecords(settings);
    if (store === undefined) throw new CommandError('Keys are kept in the store, and there is none (--store none).', 2);
    try {
      await work(await KeyRing.open(store), keysMarker(settings));
    } finally {
      await store.close();
    }
  } catch (error) {
    if (error instanceof StoreError || error instanceof AccessError) {
      throw new CommandError(error.message, 1, { cause: error });
    }
    throw error;
  }
}

function scopesOf(text: string): Scope[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !SCOPES.some((scope) => scope === name));
  if (wrong !== undefined) throw new InvalidArgumentError(`"${wrong}" is not one of ${SCOPES.join(', ')}.`);
  return SCOPES.filter((scope) => names.includes(scope));
}
