// Puts the jobs of a server together.
import type { Logger } from 'pino';
import type { CachedTranscription } from '../recordings/cached-transcription.js';
import type { AddressGuard } from '../http/outbound/address-guard.js';
import type { Polishing } from '../polish/polishing.js';
import type { StoreHandle } from '../store/open-store.js';
import { StoreError } from '../store/store-error.js';
import type { StoreHealth } from '../store/store-health.js';
import type { Tending } from '../store/tending.js';
import type { Transcripts } from '../transcripts/transcripts.js';
import { JobFolder } from './job-folder.js';
import type { JobState } from './job.js';
import type { JobQueue } from './job-queue.js';
import { type JobRunnerOptions, JobRunner, type DecodeRecording } from './job-runner.js';
import { JobStore } from './job-store.js';
import { Jobs } from './jobs.js';
import { LocalQueue } from './local-queue.js';
import { Webhooks } from './webhooks.js';

export interface OpenJobsOptions {
  readonly store: StoreHandle;
  readonly transcripts: Transcripts;
  readonly tending: Pick<Tending, 'once'>;
  readonly transcription: CachedTranscription;
  readonly decode: DecodeRecording;
  readonly polishing: Polishing | undefined;
  /** See JobRunnerOptions. */
  readonly spendAudio?: JobRunnerOptions['spendAudio'];
  readonly demandsOf?: JobRunnerOptions['demandsOf'];
  readonly model: { readonly name: string };
  readonly health: StoreHealth;
  readonly log: Pick<Logger, 'error' | 'warn'>;
  readonly wallNow: () => number;
  /** What webhooks may reach. */
  readonly guard: AddressGuard;
  readonly settings: JobSettings;
  /** Hears of each job that this process brings to its end. */
  readonly onOver?: (state: JobState) => void;
}

export interface JobSettings {
  readonly jobsMax: number;
  readonly jobsWaitingMax: number;
  readonly jobsPerKeyMax?: number;
  readonly jobsPerAddressMax?: number;
  readonly jobFolder: string;
  readonly redisUrl: string;
  readonly retentionMs: number;
}

export interface OpenedJobs {
  readonly jobs: Jobs;
  readonly webhooks: Webhooks;
}

/** Jobs that are not begun yet: {@link Jobs.start} does that. */
export async function openJobs(options: OpenJobsOptions): Promise<OpenedJobs> {
  const { store, transcripts, transcription, health, log, wallNow, guard, settings } = options;
  const records = new JobStore(store.data, wallNow, options.onOver);
  const folder = new JobFolder(settings.jobFolder);
  const webhooks = new Webhooks({ store: store.data, jobs: records, guard, wallNow, log });
  const runner = new JobRunner({
    ...options,
    jobs: records,
    open: async ({ id, source }) =>
      source.kind === 'upload' ? { bytes: store.blobs.read(id), size: source.bytes } : folder.open(source.path),
  });
  const jobs = new Jobs({
    store: records,
    blobs: store.blobs,
    folder,
    runner,
    transcripts,
    transcription,
    webhooks,
    health,
    wallNow,
    queue: await openQueue(options),
    ofKeyMax: settings.jobsPerKeyMax,
    ofAddressMax: settings.jobsPerAddressMax,
    waitingMax: settings.jobsWaitingMax,
    retentionMs: settings.retentionMs,
  });
  if (!store.isShared) await options.tending.once(() => jobs.recover());
  return { jobs, webhooks };
}

async function openQueue({ store, settings, wallNow, log, health }: OpenJobsOptions): Promise<JobQueue> {
  const { jobsMax: concurrency, redisUrl: url } = settings;
  const onError = (error: unknown): void => {
    if (error instanceof StoreError) health.failed(error);
    else log.warn({ err: error }, 'a job is tried again later');
  };
  if (!store.isShared) return new LocalQueue({ store: store.data, concurrency, wallNow, onError });
  // A quarter of what a server loads: only where it is used.
  const { BullQueue } = await import('./bull-queue.js');
  return new BullQueue({ url, concurrency, onError });
}
