// The flags that say what is done to the words of transcripts.
import { PROFANITY_MODES, REDACTIONS, type Redaction, type Replacement, type RewritingSettings } from '@sotto/protocol';
import { Option, type Command } from 'commander';
import { CommandError } from './command-error.js';

export interface RewritingFlags {
  readonly replace?: readonly string[];
  readonly profanity?: 'off' | 'mask';
  readonly redact?: string;
  readonly redactNames?: string;
}

export function withRewriting(command: Command): Command {
  return command
    .option('--replace <find=replace>', 'write a word in another way; may be given several times', collect)
    .addOption(new Option('--profanity <mode>', 'mask: of swear words only the first letter').choices(PROFANITY_MODES))
    .option('--redact <list>', `hide, with commas between: ${REDACTIONS.join(', ')}`)
    .option('--redact-names <list>', 'the names that --redact names hides, with commas between');
}

/** For flags that may be given several times. */
export function collect(value: string, all: readonly string[] = []): string[] {
  return [...all, value];
}

/** What the server does to the words. @throws {CommandError} with exit code 2 for what it would not understand */
export function rewritingFlags({ replace, profanity, redact, redactNames }: RewritingFlags): RewritingSettings {
  const kinds = redact === undefined ? undefined : listOf(redact);
  const stranger = kinds?.find((kind) => !isRedaction(kind));
  if (stranger !== undefined) {
    throw new CommandError(`--redact takes ${REDACTIONS.join(', ')}, got "${stranger}".`, 2);
  }
  return {
    ...(replace !== undefined && { replacements: replace.map(ruleOf) }),
    ...(profanity !== undefined && { profanity }),
    ...(kinds !== undefined && { redact: kinds.filter(isRedaction) }),
    ...(redactNames !== undefined && { redactNames: listOf(redactNames) }),
  };
}

function ruleOf(text: string): Replacement {
  const [find = '', ...rest] = text.split('=');
  if (find.trim() !== '' && rest.length > 0) return { find: find.trim(), replace: rest.join('=').trim() };
  throw new CommandError(`--replace takes a word and what to write for it, such as jason=JSON, got "${text}".`, 2);
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function isRedaction(kind: string): kind is Redaction {
  return (REDACTIONS as readonly string[]).includes(kind);
}
