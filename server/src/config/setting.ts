// What one setting is: a schema with its default, unit and meaning, from which flag, variable, file key and help all
// come.
import * as v from 'valibot';

/** One setting. `T` is the type of its value. */
export interface Setting<T> {
  /** Names what is wanted in its messages. */
  readonly schema: v.GenericSchema<unknown, T>;
  readonly default: T;
  /** Unit of the value, or the form of a text. Empty: none. */
  readonly unit: string;
  /** What it is for, and what happens at the bound. */
  readonly meaning: string;
  /** Reads a flag or an environment variable; what cannot be read is returned as it is, for the schema to refuse. */
  readonly fromText: (text: string) => unknown;
  /** Other environment variables, weaker than its own. */
  readonly otherVariables: readonly string[];
  /** Its value is shown to nobody. */
  readonly isSecret: boolean;
}

interface Described {
  readonly unit?: string;
  readonly meaning: string;
  readonly otherVariables?: readonly string[];
}

export function integer(
  standard: number,
  { min, max, ...rest }: Described & { min: number; max: number },
): Setting<number> {
  const wanted = `a whole number from ${min} to ${max}`;
  const schema = v.pipe(v.number(wanted), v.integer(wanted), v.minValue(min, wanted), v.maxValue(max, wanted));
  return describe(schema, standard, numberFromText, rest);
}

export function fraction(
  standard: number,
  { min, max, ...rest }: Described & { min: number; max: number },
): Setting<number> {
  const wanted = `a number from ${min} to ${max}`;
  const schema = v.pipe(v.number(wanted), v.minValue(min, wanted), v.maxValue(max, wanted));
  return describe(schema, standard, numberFromText, rest);
}

export function choice<const T extends readonly string[]>(
  values: T,
  standard: T[number],
  rest: Described,
): Setting<T[number]> {
  return describe(v.picklist(values, `one of ${values.join(', ')}`), standard, (text) => text, {
    unit: values.join(' | '),
    ...rest,
  });
}

/** On or off; a file says true or false, a flag or a variable also 1, 0, on, off, yes and no. */
export function toggle(standard: boolean, rest: Described): Setting<boolean> {
  return describe(
    v.boolean('true or false'),
    standard,
    (value) => TOGGLE_WORDS.get(value.trim().toLowerCase()) ?? value,
    {
      unit: 'true | false',
      ...rest,
    },
  );
}

const TOGGLE_WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['true', '1', 'on', 'yes'].map((word) => [word, true] as const),
  ...['false', '0', 'off', 'no'].map((word) => [word, false] as const),
]);

export function text(standard: string, rest: Described): Setting<string> {
  const wanted = 'a text that is not empty';
  return describe(v.pipe(v.string(wanted), v.minLength(1, wanted)), standard, (value) => value, rest);
}

/** A text of a certain form. @param wanted names the form in messages */
export function form(standard: string, pattern: RegExp, wanted: string, rest: Described): Setting<string> {
  return describe(v.pipe(v.string(wanted), v.regex(pattern, wanted)), standard, (value) => value, rest);
}

/** A text that need not be set: then it is empty. */
export function optionalText(rest: Described): Setting<string> {
  return describe(v.string('a text'), '', (value) => value, rest);
}

/** A text that need not be set, and that no listing shows. */
export function secret(rest: Described): Setting<string> {
  return { ...optionalText(rest), isSecret: true };
}

function describe<T>(
  schema: v.GenericSchema<unknown, T>,
  standard: T,
  fromText: (text: string) => unknown,
  { unit = '', meaning, otherVariables = [] }: Described,
): Setting<T> {
  return { schema, default: standard, unit, meaning, fromText, otherVariables, isSecret: false };
}

function numberFromText(value: string): unknown {
  return /^[+-]?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value;
}

/** `messageBytesMax` -> `--message-bytes-max`. */
export function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** `messageBytesMax` -> `SOTTO_MESSAGE_BYTES_MAX`. */
export function variableOf(key: string): string {
  return `SOTTO_${key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
