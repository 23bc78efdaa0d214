// `sotto config`: checks the settings and prints what is in force, or the page that documents them.
import type { Command } from 'commander';
import { listSettings, settingsPage } from '../config/describe-settings.js';
import { addSettingFlags, settingsOf, type SettingFlags } from './setting-flags.js';

export function registerConfigCommand(program: Command): void {
  const command = program
    .command('config')
    .alias('validate')
    .description('Check the settings and print their values and where each came from.')
    .option('--json', 'as a settings file')
    .option('--markdown', 'the documentation of all settings');
  addSettingFlags(command).action((flags: SettingFlags & { json?: true; markdown?: true }) => {
    if (flags.markdown) return void process.stdout.write(settingsPage());
    const resolved = settingsOf(flags);
    const text = flags.json ? JSON.stringify(resolved.settings, null, 2) : listSettings(resolved);
    process.stdout.write(`${text}\n`);
  });
}
