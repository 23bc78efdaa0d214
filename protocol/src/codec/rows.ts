// The frequent messages as short MessagePack arrays: a row's number, then its fields in a fixed order, no keys.
import type { AudioMessage, ClientMessage, ServerMessage, Word } from '../messages.js';

/*
 * Bytes on the wire, of typical messages (a final with 15 words, audio of 40 ms at 16 kHz):
 *
 *                         ack   partial   final   final with words   audio
 *   JSON                   43       158     228               1210       -
 *   MessagePack maps       30       125     192                961    1312
 *   msgpackr's records     33       128     195                547    1315
 *   msgpackr's structures  12        64     118                431    1295
 *   rows                    9        57     113                426    1290
 *
 * Rows save what msgpackr's shared structures would, but any MessagePack library can read and write them, and a decoder never has to
 * keep, or to compile, a structure that the other end defined.
 */

/**
 * Rows of one direction: the index is the number on the wire. Numbers are never reused; new fields are appended to
 * their row.
 */
export type RowTable = readonly Row[];

export interface Row {
  readonly type: string;
  readonly fields: readonly string[];
}

const row = <M extends { type: string }>(
  type: M['type'],
  fields: readonly Exclude<keyof M & string, 'type'>[],
): Row => ({
  type,
  fields,
});
type Server<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;

export const CLIENT_ROWS = [row<AudioMessage>('audio', ['offset', 'data'])] as const satisfies RowTable;

/** Fields that are often absent stand last, so that they cost nothing. */
export const SERVER_ROWS = [
  row<Server<'ack'>>('ack', ['offset', 'lagMs', 'keepFrom']),
  row<Server<'speechStarted'>>('speechStarted', ['segmentId', 'startMs', 'channel']),
  row<Server<'partial'>>('partial', [
    'segmentId',
    'revision',
    'stable',
    'tentative',
    'startMs',
    'endMs',
    'lagMs',
    'channel',
  ]),
  row<Server<'speechEnded'>>('speechEnded', ['segmentId', 'endMs', 'channel']),
  row<Server<'final'>>('final', [
    'segmentId',
    'reason',
    'text',
    'startMs',
    'endMs',
    'language',
    'avgLogprob',
    'noSpeechProb',
    'words',
    'noise',
    'finalizeId',
    'channel',
  ]),
  row<Server<'mark'>>('mark', ['id', 'offset']),
  row<Server<'polished'>>('polished', [
    'scope',
    'text',
    'mode',
    'model',
    'latencyMs',
    'segmentId',
    'fallback',
    'firstSegmentId',
    'lastSegmentId',
    'channel',
  ]),
  row<Server<'polishedDelta'>>('polishedDelta', ['scope', 'from', 'text', 'segmentId', 'channel']),
] as const satisfies RowTable;

/** Words of a final are rows too, without a number. */
export const WORD_FIELDS = ['text', 'startMs', 'endMs', 'confidence'] as const satisfies readonly (keyof Word)[];

/** The row of a message, or undefined for a type that has none. Absent fields are null, or cut off at the end. */
export function toRow(table: RowTable, message: ClientMessage | ServerMessage): unknown[] | undefined {
  const index = table.findIndex(({ type }) => type === message.type);
  const found = table[index];
  if (found === undefined) return undefined;
  const values = found.fields.map((field): unknown => {
    const value = (message as Readonly<Record<string, unknown>>)[field];
    return field === 'words' && Array.isArray(value) ? (value as Word[]).map(wordToRow) : (value ?? null);
  });
  while (values.at(-1) === null) values.pop();
  return [index, ...values];
}

/**
 * The message of a row, its fields unchecked; undefined for a number that this version does not know. Fields beyond the
 * row are ignored.
 */
export function fromRow(table: RowTable, values: readonly unknown[]): Record<string, unknown> | undefined {
  const found = typeof values[0] === 'number' ? table[values[0]] : undefined;
  if (found === undefined) return undefined;
  const message: Record<string, unknown> = { type: found.type };
  found.fields.forEach((field, index) => {
    const value = values[index + 1] ?? null;
    if (value !== null) message[field] = field === 'words' && Array.isArray(value) ? value.map(wordFromRow) : value;
  });
  return message;
}

function wordToRow(word: Word): unknown[] {
  return WORD_FIELDS.map((field) => word[field]);
}

function wordFromRow(values: unknown): unknown {
  if (!Array.isArray(values)) return values;
  return Object.fromEntries(WORD_FIELDS.map((field, index): [string, unknown] => [field, values[index]]));
}
