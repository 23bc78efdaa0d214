// The events of a client of the OpenAI Realtime API, read and checked.
import * as v from 'valibot';
import { withoutDataUrl } from '../../uploads/data-url.js';
import { invalidRequest, type RealtimeError } from './events.js';

/** An event that makes sense; `eventId` is the client's own, if it gave one. */
export type ClientEvent = { readonly eventId: string | undefined } & (
  | { readonly type: 'update'; readonly isBeta: boolean; readonly session: unknown }
  | { readonly type: 'append'; readonly audio: Uint8Array }
  | { readonly type: 'commit' | 'clear' }
  | { readonly type: 'refused'; readonly error: RealtimeError }
);

/** Events of conversations that answer: known, but nothing that a transcription session does. */
const CONVERSATION_EVENTS: ReadonlySet<string> = new Set([
  'conversation.item.create',
  'conversation.item.delete',
  'conversation.item.retrieve',
  'conversation.item.truncate',
  'output_audio_buffer.clear',
  'response.cancel',
  'response.create',
]);
const EVENT_ID_CHARS_MAX = 512;

const Envelope = v.object({
  type: v.string(),
  event_id: v.nullish(v.pipe(v.string(), v.maxLength(EVENT_ID_CHARS_MAX))),
  session: v.optional(v.unknown()),
  audio: v.optional(v.unknown()),
});

/** Reads one frame. What is wrong with it comes back as `refused`. */
export function readClientEvent(frame: string | Uint8Array): ClientEvent {
  if (typeof frame !== 'string') {
    return refused(undefined, invalidRequest('invalid_event', 'Events are JSON text; this frame was binary.'));
  }
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return refused(undefined, invalidRequest('invalid_json', 'The event could not be parsed as JSON.'));
  }
  const parsed = v.safeParse(Envelope, value);
  if (!parsed.success) {
    const param = v.getDotPath(parsed.issues[0]);
    return refused(
      undefined,
      invalidRequest('invalid_event', 'An event is an object with a "type" (and an "event_id") of text.', param),
    );
  }
  const { type, event_id: id, session, audio } = parsed.output;
  const eventId = id ?? undefined;
  switch (type) {
    case 'session.update':
    case 'transcription_session.update':
      return { type: 'update', isBeta: type === 'transcription_session.update', session, eventId };
    case 'input_audio_buffer.append':
      return readAppend(audio, eventId);
    case 'input_audio_buffer.commit':
      return { type: 'commit', eventId };
    case 'input_audio_buffer.clear':
      return { type: 'clear', eventId };
    default:
      return refused(eventId, unknownType(type));
  }
}

function readAppend(audio: unknown, eventId: string | undefined): ClientEvent {
  if (typeof audio !== 'string') {
    const code = audio === undefined ? 'missing_required_parameter' : 'invalid_type';
    return refused(eventId, invalidRequest(code, '"audio" is the audio in base64.', 'audio'));
  }
  const bytes = fromBase64(withoutDataUrl(audio));
  if (bytes === undefined) {
    return refused(eventId, invalidRequest('invalid_value', '"audio" is not valid base64.', 'audio'));
  }
  return { type: 'append', audio: bytes, eventId };
}

/** Padding may be left out; anything that is not base64 is refused, where Node would skip it. */
function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 === 1 || !/^[A-Za-z\d+/]*={0,2}$/.test(text)) return undefined;
  return Buffer.from(text, 'base64');
}

function unknownType(type: string): RealtimeError {
  if (CONVERSATION_EVENTS.has(type)) {
    return invalidRequest('unsupported_event', `"${type}" has no meaning in a transcription session.`, 'type');
  }
  const shown = type.slice(0, 64);
  return invalidRequest('invalid_value', `"${shown}" is not a client event.`, 'type');
}

function refused(eventId: string | undefined, error: RealtimeError): ClientEvent {
  return { type: 'refused', error, eventId };
}
