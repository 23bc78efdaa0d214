// Puts together what is kept: the store, the transcripts in it, and what clients may ask of them.
import type { Logger } from 'pino';
import type { Settings } from './config/settings.js';
import type { Route } from './http/route.js';
import type { SessionFactory } from './session/session-port.js';
import { ListingGuard } from './store/listing-guard.js';
import { openStore, type OpenStore } from './store/open-store.js';
import { StoreError } from './store/store-error.js';
import { StoreHealth } from './store/store-health.js';
import { routesWithoutStore } from './store/store-routes.js';
import { SessionRecorder } from './transcripts/session-recorder.js';
import { transcriptRoutes } from './transcripts/transcript-routes.js';
import { Transcripts } from './transcripts/transcripts.js';

/** How often what is too old is looked for, and what could not be written is tried again, milliseconds. */
const TEND_INTERVAL_MS = 5_000;

const PATHS = ['/v1/transcripts', '/v1/transcripts/:id'] as const;

export interface Storage {
  readonly health: StoreHealth;
  readonly routes: readonly Route[];
  /** Keeps the transcripts of a factory's sessions. */
  recording(create: SessionFactory): SessionFactory;
  /** Writes what is not written yet, and lets go of the store. */
  close(): Promise<void>;
}

/**
 * Opens what the settings ask for. A data folder that cannot be used costs the transcripts, not the server: it goes on without, and says so. Rejects with StoreError
 * where that would hide a mistake: the folder is another server's, or Redis is not there.
 */
export async function openStorage(settings: Settings, log: Logger): Promise<Storage> {
  const health = new StoreHealth(log, settings.store === 'none');
  const store = await openOrDegrade(settings, health);
  if (store === undefined) {
    return {
      health,
      routes: routesWithoutStore(PATHS, health.state === 'off'),
      recording: (create) => create,
      close: () => Promise.resolve(),
    };
  }
  const transcripts = new Transcripts({
    store: store.data,
    retentionMs: settings.retentionMs,
    wallNow: () => Date.now(),
  });
  if (!store.isShared) await transcripts.recover();
  const recorder = new SessionRecorder(transcripts, health);
  const stopTending = tend(health, async () => {
    await recorder.retry();
    await transcripts.sweep();
  });
  return {
    health,
    routes: transcriptRoutes(transcripts, new ListingGuard(settings.listing, settings.host)),
    recording: (create) => recorder.recording(create),
    close: async () => {
      await stopTending();
      await recorder.close();
      await store.data.close();
    },
  };
}

async function openOrDegrade(settings: Settings, health: StoreHealth): Promise<OpenStore | undefined> {
  try {
    return await openStore({ ...settings, uploadsBytesMax: 0 });
  } catch (error) {
    const isDegradable = error instanceof StoreError && error.code !== 'store_in_use' && settings.redisUrl === '';
    if (!isDegradable || settings.store === 'redis') throw error;
    health.failed(error);
    return undefined;
  }
}

/** Calls again and again, never twice at a time; returns what stops it and waits for the last. */
function tend(health: StoreHealth, work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let isRunning = false;
  const timer = setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    running = work()
      .catch((error: unknown) => health.failed(error))
      .finally(() => {
        isRunning = false;
      });
  }, TEND_INTERVAL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    return running;
  };
}
