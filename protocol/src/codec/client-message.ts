// Turns what a frame held into a valid client message, or says which field is wrong and what was wanted.
import * as v from 'valibot';
import { ProtocolError } from '../errors.js';
import {
  ConfigureMessage,
  FinalizeMessage,
  MarkMessage,
  PingMessage,
  ResumeMessage,
  StartMessage,
  StopMessage,
  type AudioMessage,
  type ClientMessage,
} from '../messages.js';
import { isMissingField } from '../missing-field.js';

const SCHEMAS = new Map(
  [StartMessage, ResumeMessage, FinalizeMessage, MarkMessage, ConfigureMessage, PingMessage, StopMessage].map(
    (schema) => [schema.entries.type.literal as string, schema],
  ),
);
const QUOTED_CHARS_MAX = 40;

/**
 * Validates a decoded message. A field that is null counts as absent (many encoders write nulls), a field that the
 * schema does not know is dropped. The bytes of audio are not looked at: that is the session's work.
 * @throws {ProtocolError} unknown_message, invalid_message, or unsupported_audio for a wrong field of `start.audio`
 */
export function parseClientMessage(value: unknown): ClientMessage {
  const type = isRecord(value) ? value['type'] : undefined;
  if (!isRecord(value) || typeof type !== 'string') {
    throw new ProtocolError('invalid_message', 'A message is an object with a "type".');
  }
  if (type === 'audio') return parseAudioMessage(value);
  const schema = SCHEMAS.get(type);
  if (schema === undefined) {
    throw new ProtocolError('unknown_message', `There is no message of type ${quote(type)}.`);
  }
  const result = v.safeParse(schema, withoutNulls(value), { abortEarly: true });
  if (result.success) return result.output;
  throw invalidField(type, result.issues[0]);
}

/** The hot path: three checks instead of a schema. */
function parseAudioMessage(value: Readonly<Record<string, unknown>>): AudioMessage {
  const { offset, data } = value;
  if (!isSampleOffset(offset)) {
    throw new ProtocolError(
      'invalid_message',
      `audio.offset: expected a whole number of samples >= 0, got ${quote(offset)}.`,
      { messageType: 'audio' },
    );
  }
  if (!(data instanceof Uint8Array)) {
    throw new ProtocolError('invalid_message', `audio.data: expected bytes, got ${quote(data)}.`, {
      messageType: 'audio',
    });
  }
  return { type: 'audio', offset, data };
}

/** Whether a value counts samples: a whole number, not negative, exact. */
export function isSampleOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function invalidField(type: string, issue: v.BaseIssue<unknown>): ProtocolError {
  const field = [type, ...(issue.path ?? []).map((item) => String(item.key))].join('.');
  const code = field.startsWith('start.audio.') ? 'unsupported_audio' : 'invalid_message';
  const text = isMissingField(issue)
    ? `${field} is missing.`
    : `${field}: expected ${wantedBy(issue)}, got ${quote(issue.input)}.`;
  return new ProtocolError(code, text, { messageType: type });
}

function wantedBy({ type, message, expected, requirement }: v.BaseIssue<unknown>): string {
  if (type === 'regex') return message;
  if (type === 'min_length' && requirement === 1) return 'at least one character';
  return expected ?? 'another value';
}

function withoutNulls(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const present = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(present.map(([key, field]) => [key, withoutNulls(field)]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/** A wrong value as an error names it: strings, numbers and booleans cut short, anything larger by its kind. */
function quote(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') {
    return JSON.stringify(value.length > QUOTED_CHARS_MAX ? `${value.slice(0, QUOTED_CHARS_MAX)}…` : value);
  }
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}
