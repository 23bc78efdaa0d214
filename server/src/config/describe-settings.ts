// Puts the table of settings into words: the options of a command, the listing of `sotto config`, the page of the
// documentation.
import { Option } from 'commander';
import { flagOf, variableOf, type Setting } from './setting.js';
import { SETTING_GROUPS, SETTINGS } from './settings.js';
import type { ResolvedSettings } from './resolve-settings.js';

/** Flags for all settings, grouped, with unit, default and variable in their help. */
export function settingOptions(): Option[] {
  return Object.entries(SETTING_GROUPS).flatMap(([group, settings]) =>
    Object.entries<Setting<unknown>>(settings).map(([key, setting]) => {
      const facts = [`default: ${shown(setting.default)}`, `env: ${variables(key, setting)}`].join(', ');
      return new Option(`${flagOf(key)} <${setting.unit || 'value'}>`, `${setting.meaning} (${facts})`).helpGroup(
        `${group}:`,
      );
    }),
  );
}

/** One line for each setting: value and origin. */
export function listSettings({ settings, origins }: ResolvedSettings): string {
  const rows = Object.entries(settings).map(([key, value]) => {
    const isHidden = SETTINGS.get(key)?.isSecret === true && value !== '';
    return [key, isHidden ? '(set)' : shown(value), origins.get(key) ?? ''];
  });
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [keys, values] = [width(0), width(1)];
  return rows
    .map(([key = '', value = '', origin = '']) => `${key.padEnd(keys)}  ${value.padEnd(values)}  ${origin}`)
    .join('\n');
}

/** The documentation page. */
export function settingsPage(): string {
  const tables = Object.entries(SETTING_GROUPS).map(([group, settings]) => {
    const rows = Object.entries<Setting<unknown>>(settings).map(
      ([key, setting]) =>
        `| \`${key}\` | \`${flagOf(key)}\` | \`${variables(key, setting)}\` | ${setting.unit.replaceAll('|', '\\|')} | ` +
        `${shown(setting.default)} | ${setting.meaning} |`,
    );
    return [
      `## ${group}`,
      '',
      '| key | flag | variable | unit | default | meaning |',
      '|---|---|---|---|---|---|',
      ...rows,
    ].join('\n');
  });
  return `# Settings

<!-- Written by \`npm run sotto -- config --markdown\` from server/src/config/settings.ts; do not edit. -->

Flags beat environment variables, which beat the file (\`--config FILE\` or \`SOTTO_CONFIG\`: JSON with the keys below), which beats the
defaults. \`sotto config\` prints what is in force and where it came from; a wrong value is named and ends the command with exit code 2.

${tables.join('\n\n')}
`;
}

function variables(key: string, setting: Setting<unknown>): string {
  return [variableOf(key), ...setting.otherVariables].join(', ');
}

function shown(value: unknown): string {
  return value === '' ? '(none)' : String(value);
}
