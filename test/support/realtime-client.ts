// A client of the OpenAI Realtime API, and the events that it sends.
import type { Test } from 'tap';
import { openCompatGateway, type CompatGatewayOptions } from './compat-gateway.js';
import { connectEvents, type EventClient, type Fields } from './event-client.js';

export const GA = '/v1/realtime?intent=transcription';
export const TRANSCRIPTION = 'conversation.item.input_audio_transcription';

/** A server of its own, and a client of it. */
export async function openRealtime(
  t: Test,
  options: CompatGatewayOptions = {},
  path = GA,
  protocols: string[] = [],
  headers = {},
) {
  const server = await openCompatGateway(t, options);
  const client = await connectEvents(t, server.url + path, protocols, { headers });
  return { ...server, client };
}

export const append = (audio: Buffer): Fields => ({
  type: 'input_audio_buffer.append',
  audio: audio.toString('base64'),
});

/** In chunks of 100 ms at 24 kHz. */
export function stream(client: EventClient, ...parts: Buffer[]): void {
  const audio = Buffer.concat(parts);
  for (let at = 0; at < audio.byteLength; at += 4_800) client.send(append(audio.subarray(at, at + 4_800)));
}

export const update = (input: Fields, rest: Fields = {}): Fields => ({
  type: 'session.update',
  session: { type: 'transcription', audio: { input }, ...rest },
});

/** Without VAD: the client commits. */
export const manual = update({ turn_detection: null });
