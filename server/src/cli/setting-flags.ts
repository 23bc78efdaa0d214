// The settings as flags of a command, resolved with environment and file; a wrong one ends the command in one line.
import type { Command } from 'commander';
import { settingOptions } from '../config/describe-settings.js';
import { resolveSettings, SettingsError, type ResolvedSettings } from '../config/resolve-settings.js';
import { CommandError } from './command-error.js';

export type SettingFlags = Readonly<Record<string, string | undefined>>;

/** Adds `--config` and a flag for every setting. */
export function addSettingFlags(command: Command): Command {
  command.option('--config <file>', 'JSON file with settings by their keys (env: SOTTO_CONFIG)');
  for (const option of settingOptions()) command.addOption(option);
  return command.addHelpText(
    'after',
    '\nFlags beat environment variables, which beat the file, which beats the defaults.',
  );
}

/** The settings in force. Throws CommandError with the line that says what is wrong. */
export function settingsOf(flags: SettingFlags): ResolvedSettings {
  try {
    const file = flags['config'] ?? process.env['SOTTO_CONFIG'];
    return resolveSettings({ flags, environment: process.env, file: file === '' ? undefined : file });
  } catch (error) {
    if (error instanceof SettingsError) throw new CommandError(error.message, 2, { cause: error });
    throw error;
  }
}
