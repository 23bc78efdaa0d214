// `sotto keys`: the API keys of a server: create, list, revoke; works in its store, whether it runs or not.
import { InvalidArgumentError, type Command } from 'commander';
import * as v from 'valibot';
import { AccessError } from '../access/access-error.js';
import { SCOPES, type Scope } from '../access/api-key.js';
import { KEY_SETTINGS, type KeySettings } from '../access/key-settings.js';
import { KeyRing } from '../access/key-ring.js';
import { keysMarker, markKeys } from '../access/open-access.js';
import { settingOptions } from '../config/describe-settings.js';
import { openRecords } from '../store/open-store.js';
import { StoreError } from '../store/store-error.js';
import { CommandError } from './command-error.js';
import { collect, rewritingFlags, withRewriting, type RewritingFlags } from './rewriting-flags.js';
import { settingsOf, type SettingFlags } from './setting-flags.js';

const STORE_FLAGS: ReadonlySet<string> = new Set(['--store', '--data-dir', '--redis-url']);

interface CreateFlags extends RewritingFlags {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly hotword?: readonly string[];
}

export function registerKeysCommand(program: Command): void {
  const keys = program
    .command('keys')
    .description(
      'API keys of a server: once there is one, clients need one. A running server sees a change within a second.',
    );

  const create = withStore(keys.command('create').description('Make a key; prints it, once.'))
    .option('--name <text>', 'what it is for', '')
    .option('--scopes <list>', `some of ${SCOPES.join(', ')}`, scopesOf, ['stream', 'files', 'watch']);
  withRewriting(create)
    .option('--hotword <text>', 'a name or term to expect; may be given several times', collect)
    .addHelpText(
      'after',
      `
What a key redacts, masks, replaces and expects holds for every transcript that is made with it: clients may add to it,
and take nothing away.`,
    )
    .action((flags: CreateFlags & SettingFlags) =>
      withRing(storeFlags(flags), async (ring, marker) => {
        const { name, scopes, hotword } = flags;
        const settings = settingsOfKey({ ...rewritingFlags(flags), hotwords: hotword });
        const { text } = await ring.create({ name, scopes, settings });
        if (marker !== undefined) markKeys(marker);
        process.stdout.write(`${text}\n`);
      }),
    );

  withStore(keys.command('list').description('List keys, the oldest first; their secrets are not kept.')).action(
    (flags: SettingFlags) =>
      withRing(flags, async (ring) => {
        for (const { id, name, scopes, createdAt, revokedAt, settings } of ring.list()) {
          const state = revokedAt === undefined ? 'valid  ' : 'revoked';
          const made = new Date(createdAt).toISOString();
          process.stdout.write(
            `${[id, made, state, scopes.join(','), name, describe(settings)].join('  ').trimEnd()}\n`,
          );
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

/** Without those of the key, which settings of the server are called like. */
function storeFlags({ config, store, dataDir, redisUrl }: SettingFlags): SettingFlags {
  return { config, store, dataDir, redisUrl };
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

/**
 * Undefined where no flag says anything. @throws {CommandError} with exit code 2 for too many terms, or too long ones
 */
function settingsOfKey(given: object): KeySettings | undefined {
  const parsed = v.safeParse(v.object(KEY_SETTINGS), given);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new CommandError(`${v.getDotPath(issue) ?? 'A flag'}: ${issue.message}.`, 2);
  }
  return Object.values(parsed.output).some((value) => value !== undefined) ? parsed.output : undefined;
}

/** In a list: how many terms, not which. */
function describe({
  redact = [],
  redactNames = [],
  profanity,
  replacements = [],
  hotwords = [],
}: KeySettings = {}): string {
  return [
    redact.length > 0 && `redact ${redact.join(',')}`,
    redactNames.length > 0 && `${redactNames.length} names`,
    profanity === 'mask' && 'profanity masked',
    replacements.length > 0 && `${replacements.length} replacements`,
    hotwords.length > 0 && `${hotwords.length} hotwords`,
  ]
    .filter((part) => part !== false)
    .join(', ');
}
