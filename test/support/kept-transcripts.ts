// A store and its transcripts with a clock that a test moves.
import { pino } from 'pino';
import type { KeyValueStore } from '../../server/src/store/key-value-store.js';
import { StoreHealth } from '../../server/src/store/store-health.js';
import type { KeptSegment, TranscriptRecord } from '../../server/src/transcripts/transcript.js';
import { Transcripts } from '../../server/src/transcripts/transcripts.js';

export const RETENTION_MS = 60_000;
export const NOON = Date.UTC(2026, 0, 1, 12);

/** Milliseconds since 1970 that stand still. */
export class WallClock {
  now = NOON;
}

export function transcriptsIn(store: KeyValueStore, clock = new WallClock()) {
  const transcripts = new Transcripts({ store, retentionMs: RETENTION_MS, wallNow: () => clock.now });
  return { transcripts, clock, health: new StoreHealth(pino({ level: 'silent' })) };
}

export function record(id: string, facts: Partial<TranscriptRecord> = {}): TranscriptRecord {
  return {
    id,
    source: 'session',
    state: 'complete',
    createdAt: NOON,
    updatedAt: NOON,
    name: '',
    model: 'demo',
    language: 'auto',
    task: 'transcribe',
    audioMs: 0,
    segments: 1,
    isIncomplete: false,
    ...facts,
  };
}

export function segment(segmentId: number, text: string, facts: Partial<KeptSegment> = {}): KeptSegment {
  const startMs = segmentId * 2_000;
  return {
    segmentId,
    text,
    startMs,
    endMs: startMs + 1_500,
    language: 'en',
    avgLogprob: -0.1,
    noSpeechProb: 0,
    ...facts,
  };
}
