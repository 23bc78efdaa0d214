// Resolves the settings: flags beat environment variables, which beat the file, which beats the defaults.
import { messageOf, CodedError } from '@sotto/protocol';
import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { flagOf, variableOf } from './setting.js';
import { SETTINGS, type Settings } from './settings.js';

/** Where values may come from. */
export interface SettingSources {
  /** Flags by setting key, as text. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of a JSON file with setting keys; undefined: none. */
  readonly file?: string | undefined;
}

export interface ResolvedSettings {
  readonly settings: Settings;
  /** Where each value came from, as a person would name it: `--port`, `SOTTO_PORT`, `sotto.json`, `default`. */
  readonly origins: ReadonlyMap<string, string>;
}

/** A setting cannot be used. The message names it, its value and what was wanted. */
export class SettingsError extends CodedError<'invalid_settings'> {
  override readonly name = 'SettingsError';

  constructor(message: string, options?: ErrorOptions) {
    super('invalid_settings', message, options);
  }
}

/** Throws {@link SettingsError} at the first value that is wrong. */
export function resolveSettings(sources: SettingSources): ResolvedSettings {
  const file = sources.file === undefined ? {} : readSettingsFile(sources.file);
  const origins = new Map<string, string>();
  const values: Record<string, unknown> = {};
  for (const [key, setting] of SETTINGS) {
    const flag = sources.flags[key];
    const variable = [variableOf(key), ...setting.otherVariables].find((name) => isSet(sources.environment[name]));
    let value: unknown = setting.default;
    let origin = 'default';
    if (flag !== undefined) {
      value = setting.fromText(flag);
      origin = flagOf(key);
    } else if (variable !== undefined) {
      value = setting.fromText(sources.environment[variable] ?? '');
      origin = variable;
    } else if (Object.hasOwn(file, key)) {
      value = file[key];
      origin = sources.file ?? 'file';
    }
    const result = v.safeParse(setting.schema, value, { abortEarly: true });
    if (!result.success) {
      const name = origin === sources.file ? `${key} in ${origin}` : origin;
      throw new SettingsError(
        `${name}: expected ${result.issues[0].message}, got ${setting.isSecret ? 'something else' : JSON.stringify(value)}.`,
      );
    }
    values[key] = result.output;
    origins.set(key, origin);
  }
  return { settings: values as unknown as Settings, origins };
}

/** An empty variable counts as absent: that is how containers unset one. */
function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}

function readSettingsFile(path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const reason = messageOf(cause);
    throw new SettingsError(`${path}: cannot be read as JSON: ${reason}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SettingsError(`${path}: expected an object with settings, such as {"port": 8080}.`);
  }
  const unknown = Object.keys(value).find((key) => !SETTINGS.has(key));
  if (unknown !== undefined) {
    throw new SettingsError(`${path}: there is no setting "${unknown}"; \`sotto serve --help\` lists them.`);
  }
  return value as Readonly<Record<string, unknown>>;
}
