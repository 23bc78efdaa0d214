// Many live streams at a time, each word by word as it must be.
import { setTimeout as delay } from 'node:timers/promises';
import { BenchError } from '../bench-error.js';
import { wordsIn } from '../stream/words-lost.js';
import { mark, type SpeechToMark } from './marked-speech.js';
import { RoamingClient, type RoamingOptions } from './roaming-client.js';
import { countWords } from './word-count.js';

export interface FleetOptions extends RoamingOptions {
  readonly speech: SpeechToMark;
  readonly streams: number;
  /** They begin evenly spread over this time, milliseconds. */
  readonly rampMs: number;
  /** Against the pace of a speaker. Default: 1. */
  readonly pace?: number;
}

export interface FleetReport {
  readonly clients: readonly RoamingClient[];
  readonly words: number;
  readonly lost: number;
  readonly doubled: number;
  /** Audio that was sent, all streams together. */
  readonly audioMs: number;
}

const TIMEOUT_MS = 240_000;
/** Between the first numbers of two streams. */
const FIRST_STEP = 37;

/** Plays them all. `onClients` gets them before the first has begun. */
export async function playFleet(
  url: string | (() => string),
  { speech, streams, rampMs, pace = 1, ...options }: FleetOptions,
  onClients: (clients: readonly RoamingClient[]) => void = () => undefined,
): Promise<FleetReport> {
  const marked = Array.from({ length: streams }, (_, index) => mark(speech, ((index * FIRST_STEP) % 255) + 1));
  const clients = marked.map(({ samples }) => new RoamingClient(url, samples, options));
  onClients(clients);
  await Promise.all(
    clients.map(async (client, index) => {
      await delay((index * rampMs) / streams);
      await client.run(pace, TIMEOUT_MS / Math.min(1, pace)).catch((cause: unknown) => {
        throw new BenchError('timed_out', `stream ${index}: ${String(cause)}`, { cause });
      });
    }),
  );
  const counts = clients.map((client, index) => countWords(marked[index]?.words ?? [], wordsIn(client.text)));
  const sum = (pick: (count: (typeof counts)[number]) => number): number =>
    counts.reduce((total, count) => total + pick(count), 0);
  return {
    clients,
    words: sum(({ words }) => words),
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    audioMs: (streams * speech.samples.length) / 16,
  };
}
