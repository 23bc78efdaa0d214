// Plays one playlist to a peer at the pace of speech, and keeps every text that it shows with its time.
import { setTimeout as sleep } from 'node:timers/promises';
import { pcmOf, SAMPLES_PER_MS, type Playlist } from '../audio/playlist.js';
import { comparedText } from '../measure/compared-text.js';
import type { LiveText, OpenWire } from './live-wire.js';

/** `atMs`: since the moment at which the stream's first sample was spoken, client's monotonic clock. */
export interface TimedText extends LiveText {
  readonly atMs: number;
}

/** One stream as its client saw it. */
export interface LiveStream {
  readonly playlist: Playlist;
  readonly shown: readonly TimedText[];
  /** When the server had said all. */
  readonly endedAtMs: number;
  /** How late the client itself sent its chunks, milliseconds each. */
  readonly sendDelaysMs: readonly number[];
}

export interface PlayLiveOptions {
  readonly open: OpenWire;
  readonly port: number;
  readonly language: string;
  /** Audio of one message, milliseconds. */
  readonly chunkMs: number;
}

/** A chunk is sent at the moment at which its last sample is spoken, as by a microphone. */
export async function playLive(playlist: Playlist, options: PlayLiveOptions): Promise<LiveStream> {
  const { open, port, language, chunkMs } = options;
  const shown: TimedText[] = [];
  let startedAt = performance.now();
  const wire = await open({
    port,
    language,
    shows: (text) => shown.push({ ...text, atMs: performance.now() - startedAt }),
  });
  try {
    startedAt = performance.now();
    const sendDelaysMs: number[] = [];
    const chunkSamples = chunkMs * SAMPLES_PER_MS;
    for (let from = 0; from < playlist.totalSamples; from += chunkSamples) {
      const to = Math.min(playlist.totalSamples, from + chunkSamples);
      const dueAt = startedAt + to / SAMPLES_PER_MS;
      const early = dueAt - performance.now();
      if (early > 0) await sleep(early);
      sendDelaysMs.push(Math.max(0, performance.now() - dueAt));
      wire.send(pcmOf(playlist, from, to));
    }
    await wire.finish();
    const endedAtMs = performance.now() - startedAt;
    return {
      playlist,
      shown: await Promise.all(shown.map((text) => compared(text, language))),
      endedAtMs,
      sendDelaysMs,
    };
  } finally {
    wire.close();
  }
}

async function compared({ settled, tentative, atMs }: TimedText, language: string): Promise<TimedText> {
  return {
    settled: await comparedText(settled, language),
    tentative: await comparedText(tentative, language),
    atMs,
  };
}
