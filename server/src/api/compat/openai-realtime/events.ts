// The server's events of the OpenAI Realtime API, for transcription, and its errors.
import { randomBytes } from 'node:crypto';
import type { DialectEvent } from '../../../gateway/dialect.js';

/** What is wrong with what a client sent. `param`: the field, as a dotted path. */
export interface RealtimeError {
  readonly type: 'invalid_request_error' | 'server_error' | 'rate_limit_error';
  readonly code: string | null;
  readonly message: string;
  readonly param: string | null;
}

/** An item of the conversation: the audio of one turn. */
export interface ConversationItem {
  readonly id: string;
  readonly previousId: string | null;
}

/** `{token, logprob, bytes}` of one word. */
export interface Logprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
}

export const newId = (prefix: 'event' | 'item' | 'sess'): string => `${prefix}_${randomBytes(12).toString('hex')}`;

/** An event with an id of its own. */
export function event(type: string, fields: Readonly<Record<string, unknown>> = {}): DialectEvent {
  return { type, event_id: newId('event'), ...fields };
}

/** `clientEventId`: the `event_id` of what it answers. */
export function errorEvent(error: RealtimeError, clientEventId?: string): DialectEvent {
  return event('error', { error: { ...error, event_id: clientEventId ?? null } });
}

export function invalidRequest(code: string | null, message: string, param: string | null = null): RealtimeError {
  return { type: 'invalid_request_error', code, message, param };
}

export function overQuota(message: string): RealtimeError {
  return { type: 'rate_limit_error', code: 'insufficient_quota', message, param: null };
}

/** What tells of an item that was committed: two events, or the single one of the beta. */
export function itemEvents({ id, previousId }: ConversationItem, isBeta: boolean): DialectEvent[] {
  const item = {
    id,
    object: 'realtime.item',
    type: 'message',
    status: 'completed',
    role: 'user',
    content: [{ type: 'input_audio', transcript: null }],
  };
  const names = isBeta ? ['created'] : ['added', 'done'];
  return [
    event('input_audio_buffer.committed', { item_id: id, previous_item_id: previousId }),
    ...names.map((name) => event(`conversation.item.${name}`, { previous_item_id: previousId, item })),
  ];
}

/** `conversation.item.input_audio_transcription.*` of an item. */
export function transcriptionEvent(
  name: 'delta' | 'completed' | 'failed',
  itemId: string,
  fields: Readonly<Record<string, unknown>>,
): DialectEvent {
  return event(`conversation.item.input_audio_transcription.${name}`, { item_id: itemId, content_index: 0, ...fields });
}
