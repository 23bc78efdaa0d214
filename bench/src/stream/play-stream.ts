// Plays one playlist to the server as a microphone would, and keeps every answer with its time.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerMessage } from '@sotto/protocol';
import { pcmOf, SAMPLES_PER_MS, type Playlist } from '../audio/playlist.js';
import { BenchError } from '../bench-error.js';
import { encodeForLoad, LoadSocket } from '../load/load-socket.js';
import { traceStream, type TimedEvent } from './segment-trace.js';
import type { ObservedStream } from './stream-metrics.js';

export interface PlayOptions {
  readonly url: string;
  readonly language: string;
  /** Audio milliseconds played in a millisecond; 1 is real time. */
  readonly pace: number;
  /** Audio of one message, milliseconds. */
  readonly chunkMs: number;
  readonly partialIntervalMs?: number;
  /** Silence after which an utterance is over, milliseconds. */
  readonly minSilenceMs?: number;
  /** How long the server may take to answer `start`, milliseconds. */
  readonly readyTimeoutMs?: number;
  /** How long the server may take to finish behind `stop`, milliseconds; what has not come by then is lost. */
  readonly stopTimeoutMs?: number;
}

const OPEN_TIMEOUT_MS = 10_000;
const READY_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 60_000;

/**
 * Plays a playlist to its end. A chunk is sent at the moment at which its last sample is spoken, as by a microphone;
 * the latencies that follow hold the chunk's own length. Behind each recording's silence goes a mark. @throws
 * BenchError `server_failed` when the session cannot begin
 */
export async function playStream(playlist: Playlist, options: PlayOptions): Promise<ObservedStream> {
  const { url, language, pace, chunkMs, partialIntervalMs, minSilenceMs } = options;
  const { readyTimeoutMs = READY_TIMEOUT_MS, stopTimeoutMs = STOP_TIMEOUT_MS } = options;
  const events: TimedEvent[] = [];
  const waiting = new Map<ServerMessage['type'], () => void>();
  let startedAt = performance.now();
  const gone = new AbortController();
  const socket = await LoadSocket.open(
    { url, decodesAll: true, openTimeoutMs: OPEN_TIMEOUT_MS },
    {
      message: (event) => {
        events.push({ atMs: performance.now() - startedAt, event });
        waiting.get(event.type)?.();
      },
      closed: () => {
        gone.abort();
        waiting.forEach((wake) => wake());
      },
    },
  );
  const heard = (type: ServerMessage['type'], timeoutMs: number): Promise<void> => {
    const answered = new Promise<void>((resolve) => waiting.set(type, resolve));
    if (gone.signal.aborted || events.some(({ event }) => event.type === type)) return Promise.resolve();
    return Promise.race([answered, sleep(timeoutMs, undefined, { ref: false })]);
  };

  socket.send(
    encodeForLoad({
      type: 'start',
      audio: { encoding: 'pcm_s16le', sampleRate: SAMPLES_PER_MS * 1_000, channels: 1 },
      language,
      words: true,
      ...(partialIntervalMs === undefined ? {} : { partialIntervalMs }),
      ...(minSilenceMs === undefined ? {} : { endpointing: { minSilenceMs } }),
    }),
  );
  await heard('ready', readyTimeoutMs);
  if (!events.some(({ event }) => event.type === 'ready')) {
    socket.close();
    const said = events.flatMap(({ event }) => (event.type === 'error' ? [event.message] : []));
    throw new BenchError('server_failed', `A session did not begin: ${said.join(' ') || 'no answer'}`);
  }

  events.length = 0;
  startedAt = performance.now();
  const sendDelaysMs: number[] = [];
  const marks: string[] = [];
  const chunkSamples = chunkMs * SAMPLES_PER_MS;
  const markPlaces = markSamples(playlist);
  for (let from = 0; from < playlist.totalSamples && !gone.signal.aborted; from += chunkSamples) {
    const to = Math.min(playlist.totalSamples, from + chunkSamples);
    const dueAt = startedAt + to / SAMPLES_PER_MS / pace;
    const early = dueAt - performance.now();
    if (early > 0) await sleep(early);
    sendDelaysMs.push(Math.max(0, performance.now() - dueAt));
    socket.send(encodeForLoad({ type: 'audio', offset: from, data: pcmOf(playlist, from, to) }));
    while (marks.length < markPlaces.length && (markPlaces[marks.length] ?? 0) <= to) {
      const id = `recording-${marks.length}`;
      marks.push(id);
      socket.send(encodeForLoad({ type: 'mark', id }));
    }
  }
  socket.send(encodeForLoad({ type: 'stop' }));
  await heard('stopped', stopTimeoutMs);
  socket.close();
  return { playlist, events, trace: traceStream(events, marks), startedAt, sendDelaysMs };
}

/** Where marks go: at the end of the silence behind each recording. */
function markSamples({ placed, totalSamples }: Playlist): number[] {
  return placed.map((_, index) => {
    const next = placed[index + 1];
    return next === undefined ? totalSamples : next.startMs * SAMPLES_PER_MS;
  });
}
