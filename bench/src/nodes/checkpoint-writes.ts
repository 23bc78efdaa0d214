// What one write of a checkpoint takes of a core: the real ones, into a real Redis, with nothing else in the process.
import { setTimeout as delay } from 'node:timers/promises';
import type { FinalMessage } from '@sotto/protocol';
import {
  Checkpoints,
  KEPT_VERSION,
  openRecords,
  SESSION_DEFAULTS,
  startSettings,
  type KeepableSession,
  type KeptSession,
} from '@sotto/server';
import { BenchError } from '../bench-error.js';
import { Redis } from '../server/redis.js';

const SESSIONS = 100;
/** Writes of one session a second: some three times as many as speech makes, so that few go together as there. */
const RATE_HZ = 1;
const WARM_MS = 4_000;
const TURN_MS = 8_000;
const TURNS = 3;
/** Events that its client has not acknowledged: about 1.1 kB, as in nodes. */
const EVENTS = 3;

export interface CheckpointWrite {
  /** Processor time of the node, microseconds, of each write. */
  readonly microseconds: number;
  readonly writes: number;
}

export async function measureCheckpointWrites(): Promise<CheckpointWrite> {
  await using redis = await Redis.start();
  const store = await openRecords({ store: 'redis', dataDir: '', redisUrl: redis.url });
  if (store === undefined) throw new BenchError('server_failed', 'There is no store.');
  const health = {
    failed: (error: unknown): void => {
      throw error;
    },
    succeeded: () => undefined,
  };
  const checkpoints = new Checkpoints({
    store,
    isShared: true,
    health,
    windowMs: 60_000,
    now: () => performance.now(),
  });
  const sessions = Array.from({ length: SESSIONS }, (_, index) => new WrittenSession(index));
  const play = async (isWriting: boolean, ms: number): Promise<number> => {
    const before = process.cpuUsage();
    const from = performance.now();
    for (let due = 0; performance.now() - from < ms; due++) {
      const session = sessions[due % SESSIONS];
      if (isWriting && session !== undefined) checkpoints.changed(session);
      await delay(Math.max(0, from + ((due + 1) * 1_000) / (SESSIONS * RATE_HZ) - performance.now()));
    }
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  const written = (): number => sessions.reduce((sum, { writes }) => sum + writes, 0);
  await play(true, WARM_MS);
  let microseconds = 0;
  let writes = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    microseconds -= await play(false, TURN_MS);
    const before = written();
    microseconds += await play(true, TURN_MS);
    writes += written() - before;
  }
  await checkpoints.close();
  await store.close();
  return { microseconds: microseconds / writes, writes };
}

/** As one that speaks: what is kept of it is another each time. */
class WrittenSession implements KeepableSession {
  readonly token: string;
  writes = 0;
  #count = 0;

  constructor(index: number) {
    this.token = `token-of-a-session-${index}`;
  }

  snapshot(): KeptSession {
    const count = this.#count++;
    const audio = { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } as const;
    const start = { type: 'start', audio, language: 'en', keepsAudio: true } as const;
    const settings = startSettings(start, SESSION_DEFAULTS);
    return {
      version: KEPT_VERSION,
      keyId: 'k_1',
      audio,
      forgotten: count,
      events: Array.from({ length: EVENTS }, (_, at) => finalOf(count + at)),
      messages: 0,
      offset: count * 96_000,
      segments: count,
      session: {
        sessionId: this.token,
        start,
        polishWish: settings.polish,
        offset: count * 96_000,
        settings,
        utterances: {
          count,
          speechSamples: count * 64_000,
          words: count * 12,
          previousText: { text: finalOf(count).text, endMs: count * 6_000 },
          languages: { en: count * 4_000 },
        },
        polish: undefined,
      },
    };
  }

  kept(): void {
    this.writes++;
  }

  lost(): void {
    throw new Error('nobody else is here');
  }
}

function finalOf(segmentId: number): FinalMessage {
  return {
    type: 'final',
    segmentId,
    text: ' So I think we should meet again on Tuesday and bring the other two.',
    startMs: segmentId * 6_000,
    endMs: segmentId * 6_000 + 4_000,
    language: 'en',
    avgLogprob: -0.21,
    noSpeechProb: 0.01,
    reason: 'endpoint',
  };
}
