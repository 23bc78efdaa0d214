// A client of Deepgram's live API, with what it says and hears.
import type { Test } from 'tap';
import { openCompatGateway, type CompatGatewayOptions } from './compat-gateway.js';
import { connectEvents, type EventClient, type Fields } from './event-client.js';
import { loud } from './loud-audio.js';
import { wavFile } from './wav-file.js';

const RATE = 16_000;
/** The query of audio as it is. */
export const RAW = `encoding=linear16&sample_rate=${RATE}`;

/** A server of its own, and a client of it. */
export async function openListen(t: Test, query: string, options: CompatGatewayOptions = {}) {
  const server = await openCompatGateway(t, options);
  const client = await connectEvents(t, `${server.url}/v1/listen?${query}`);
  return { ...server, client };
}

/** In chunks of 100 ms. */
export function stream(client: EventClient, ...parts: Buffer[]): void {
  const audio = Buffer.concat(parts);
  for (let at = 0; at < audio.byteLength; at += 3_200) client.send(audio.subarray(at, at + 3_200));
}
export const speech = (seconds: number): Buffer => loud('speech', seconds, RATE);
export const silence = (seconds: number): Buffer => loud('silence', seconds, RATE);
export const wav = (...parts: Buffer[]): Uint8Array =>
  wavFile({ tag: 1, sampleRate: RATE, bits: 16 }, Buffer.concat(parts));

/** What came of an utterance so far. */
export interface Result {
  readonly is_final: boolean;
  readonly speech_final: boolean;
  readonly from_finalize: boolean;
  readonly start: number;
  readonly duration: number;
  readonly channel_index: readonly number[];
  readonly channel: { readonly alternatives: readonly [{ transcript: string; confidence: number; words: Fields[] }] };
}
export const results = (client: EventClient): Result[] => client.all('Results') as unknown as Result[];
export const finals = (client: EventClient): Result[] => results(client).filter((result) => result.is_final);
export const transcript = ({ channel }: Result): string => channel.alternatives[0].transcript;
