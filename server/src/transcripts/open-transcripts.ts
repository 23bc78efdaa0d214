// Puts the transcripts of a server together.
import type { SessionFactory } from '../session/session-port.js';
import type { StoreHandle } from '../store/open-store.js';
import type { StoreHealth } from '../store/store-health.js';
import { Tending } from '../store/tending.js';
import { RecordingSession } from './recording-session.js';
import { SessionRecorder } from './session-recorder.js';
import { Transcripts } from './transcripts.js';

export interface OpenedTranscripts {
  readonly store: StoreHandle;
  readonly transcripts: Transcripts;
  readonly recorder: SessionRecorder;
  readonly tending: Tending;
  /** Keeps the transcripts of a factory's sessions, for the key that they belong to. */
  recording(create: SessionFactory, owner?: string): SessionFactory;
  /** Writes what is not written yet, and lets go of the store. */
  close(): Promise<void>;
}

/** `retentionMs`: how long they are kept. */
export async function openTranscripts(
  store: StoreHandle,
  health: StoreHealth,
  retentionMs: number,
): Promise<OpenedTranscripts> {
  const transcripts = new Transcripts({ store: store.data, retentionMs, wallNow: Date.now });
  const recorder = new SessionRecorder(transcripts, health);
  const tending = new Tending(store.data, health);
  tending.add({ tend: () => recorder.retry(), sweep: () => transcripts.sweep() });
  const startedAt = Date.now();
  let before: number | undefined;
  const recover = (): Promise<void> => {
    const recovered = transcripts.recover(before);
    // Tried again later, sessions of this process are among them.
    before = startedAt;
    return recovered;
  };
  if (!store.isShared) await tending.once(recover);
  return {
    store,
    transcripts,
    recorder,
    tending,
    recording: (create, owner) => (sink) => new RecordingSession(create, sink, recorder, owner),
    close: async () => {
      await tending.close();
      await recorder.close();
      await store.data.close();
    },
  };
}
