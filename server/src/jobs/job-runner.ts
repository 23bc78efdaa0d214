// Does one job: decodes its recording, recognises it, keeps each segment, and goes on where a process before it was cut
// off.
import { CodedError } from '@sotto/protocol';
import type { TranscribedSegment } from '../asr/files/file-transcriber.js';
import { separateChannels } from '../asr/files/separate-channels.js';
import type { Logger } from 'pino';
import type { AudioFileWarning } from '../audio/audio-errors.js';
import type { DecodeAudioOptions } from '../audio/decode-audio.js';
import { SpeechFound } from '../asr/files/speech-found.js';
import { AsrError } from '../asr/errors.js';
import type { CachedRun, CachedTranscription } from '../recordings/cached-transcription.js';
import type { FileOptions } from '../recordings/file-transcription.js';
import type { PolishTask, Polishing } from '../polish/polishing.js';
import { changePolish, NO_POLISH, styleOf } from '../polish/polish-settings.js';
import { StoreError } from '../store/store-error.js';
import type { StoreHealth } from '../store/store-health.js';
import type { KeptSegment, TranscriptRecord } from '../transcripts/transcript.js';
import { TranscriptWriter } from '../transcripts/transcript-writer.js';
import type { Transcripts } from '../transcripts/transcripts.js';
import { clientOf, type JobClient, type JobRecord } from './job.js';
import type { JobStore } from './job-store.js';
import { textsOf } from './polish-parts.js';
import { AudioFrom, CountedBytes } from './job-audio.js';

/** How often progress is written, milliseconds. */
const PROGRESS_MS = 1_000;
/** Attempts that may end with the process: a recording that ends the server must not do so for ever. */
const DEATHS_MAX = 2;
/** Time for the polish of one text of a job, milliseconds: nobody waits for it live. */
const POLISH_BUDGET_MS = 60_000;

/** Turns a recording's bytes into samples, 16 kHz mono. Iterating throws errors with a code. */
export type DecodeRecording = (
  bytes: AsyncIterable<Uint8Array>,
  options: Pick<DecodeAudioOptions, 'track' | 'language' | 'channel' | 'onWarning'>,
) => AsyncIterable<Float32Array>;

export interface JobRunnerOptions {
  readonly jobs: JobStore;
  readonly transcripts: Transcripts;
  readonly health: StoreHealth;
  readonly transcription: CachedTranscription;
  readonly decode: DecodeRecording;
  readonly polishing: Polishing | undefined;
  /** Takes audio from the quota of a job's client; what it throws ends the job. Default: no bound. */
  readonly spendAudio?: ((client: JobClient, ms: number) => void) | undefined;
  /** What holds for the transcripts of a client, whatever its jobs say. */
  readonly demandsOf?: ((client: JobClient) => FileOptions['demands']) | undefined;
  /** What recognises, for the transcript. */
  readonly model: { readonly name: string };
  /** The bytes of a job's recording, and how many there are. */
  readonly open: (job: JobRecord) => Promise<{ bytes: AsyncIterable<Uint8Array>; size: number }>;
  readonly wallNow: () => number;
  readonly log: Pick<Logger, 'error'>;
}

/** The client has cancelled the job. */
export class JobCancelled extends Error {
  override readonly name = 'JobCancelled';
}

export class JobRunner {
  readonly #options: JobRunnerOptions;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
  }

  /**
   * Does a job that is not over. Resolves with the job when it is over, with undefined where somebody else has ended
   * it. Rejects with the signal's reason, or with StoreError: then it can be gone on with.
   */
  async run(id: string, signal: AbortSignal): Promise<JobRecord | undefined> {
    const { jobs, wallNow, log } = this.#options;
    const job = await jobs.change(id, ({ attempts, startedAt = wallNow() }) => ({
      state: 'running',
      attempts: attempts + 1,
      startedAt,
    }));
    if (job === undefined) return undefined;
    try {
      if (job.attempts > DEATHS_MAX) {
        const message = `The server ended ${DEATHS_MAX} times while it worked on this recording: it is not tried again.`;
        throw new AsrError('recognition_failed', message);
      }
      const facts = await this.#transcribe(job, signal);
      const progress = { heardMs: facts.audioMs ?? 0, fraction: 1 };
      return await jobs.change(id, () => ({ ...facts, progress, state: 'done', finishedAt: wallNow() }));
    } catch (error) {
      if (error instanceof JobCancelled) {
        // It is already, unless it was its transcript that somebody has deleted.
        return jobs.change(id, () => ({ state: 'cancelled', finishedAt: wallNow() }));
      }
      if (canGoOn(error, signal)) {
        // It did not end the process: that attempt does not count.
        await jobs.change(id, ({ attempts }) => ({ attempts: attempts - 1 })).catch(() => undefined);
        throw error;
      }
      const failure = publicError(error);
      if (failure.code === 'internal') log.error({ err: error, job: id }, 'a job failed');
      return jobs.change(id, () => ({ state: 'failed', finishedAt: wallNow(), error: failure }));
    }
  }

  async #transcribe(job: JobRecord, signal: AbortSignal): Promise<JobFacts> {
    const { jobs, transcription, decode, open, spendAudio, demandsOf } = this.#options;
    const client = clientOf(job);
    const { writer, segmentCount, resumeMs } = await this.#openTranscript(job);
    const options = { ...fileOptions(job), demands: demandsOf?.(client) };
    const { track, language, channels } = job.options;
    const isApart = channels === 'separate';
    const warnings: string[] = [];
    const onWarning = ({ message }: AudioFileWarning): number =>
      warnings.includes(message) ? 0 : warnings.push(message);
    const speech = new SpeechFound();
    let audioMs = 0;
    const reading = { channel: 0, fractionAt: (_heardMs: number) => 0 };
    const progress = new ProgressNotes(jobs, job.id, (heardMs) => {
      const fraction = reading.fractionAt(heardMs);
      // How many channels there are is known behind the last one: mostly two.
      return isApart ? (reading.channel + fraction) / Math.max(2, reading.channel + 1) : fraction;
    });
    let facts: JobFacts = { cache: 'miss' };
    const run: CachedRun = {
      signal,
      uploadHash: job.source.kind === 'upload' && !isApart ? job.source.sha256 : undefined,
      isPart: resumeMs > 0 || isApart,
      decodeWarnings: warnings,
      spendAudio: (ms) => spendAudio?.(client, ms),
      onCache: (cache) => (facts = { ...facts, cache }),
      onKept: (cacheKey) => (facts = { ...facts, cacheKey }),
      onProgress: (heardMs) => progress.heard(resumeMs + heardMs),
      onModel: ({ name }) => writer.set({ model: name }),
    };
    const hear = async function* (channel?: number): AsyncGenerator<TranscribedSegment, void, undefined> {
      const upload = await open(job);
      const bytes = new CountedBytes(upload.bytes, upload.size);
      const audio = new AudioFrom(decode(bytes, { track, language, channel, onWarning }), resumeMs);
      reading.channel = channel ?? 0;
      reading.fractionAt = (heardMs) => bytes.fraction * Math.min(1, heardMs / audio.audioMs);
      try {
        yield* transcription.transcribe(audio, options, run);
      } finally {
        audioMs = Math.max(audioMs, audio.audioMs);
      }
    };
    try {
      let segmentId = segmentCount;
      for await (const segment of isApart ? separateChannels(hear) : hear()) {
        progress.check();
        speech.add(segment);
        if (segment.text.trim() !== '') writer.keep(keptSegment(segment, segmentId++, resumeMs));
      }
      await this.#polish(job, writer, signal);
      progress.check();
      audioMs = Math.max(audioMs, progress.heardMs);
      writer.set({ state: 'complete', audioMs, updatedAt: this.#options.wallNow() });
      await writer.write();
      if (writer.isGone) throw new JobCancelled('The transcript was deleted.');
      if (!writer.isSettled) throw new StoreError('store_unavailable', 'The transcript cannot be written.');
      // Of a part of it nothing can be said.
      const hardlyAny = resumeMs > 0 ? undefined : speech.warning(audioMs);
      if (hardlyAny !== undefined) warnings.push(hardlyAny);
      return { ...facts, audioMs, ...(warnings.length > 0 && { warnings }) };
    } catch (error) {
      // What was heard is there to go on from, or to be read.
      if (!(error instanceof JobCancelled)) {
        if (!canGoOn(error, signal)) writer.set({ state: 'interrupted' });
        await writer.write();
      }
      throw error;
    } finally {
      await progress.end();
    }
  }

  /** A new transcript, or the one of an attempt before. */
  async #openTranscript(job: JobRecord) {
    const { transcripts, health, model, wallNow } = this.#options;
    const before = await transcripts.get(job.id);
    if (before !== undefined) {
      const segments = await transcripts.allSegments(job.id);
      // Channels are told when all of them are heard: what is there of them is said again.
      const last = job.options.channels === 'separate' ? undefined : segments.at(-1);
      const segmentIds = segments.map(({ segmentId }) => segmentId);
      const writer = new TranscriptWriter(transcripts, health, before, { record: before, segmentIds });
      return { writer, segmentCount: (last?.segmentId ?? -1) + 1, resumeMs: last?.endMs ?? 0 };
    }
    const { language, task } = job.options;
    const now = wallNow();
    const times = { createdAt: now, updatedAt: now };
    const record: TranscriptRecord = {
      id: job.id,
      source: 'job',
      owner: job.owner,
      state: 'live',
      name: job.name,
      model: model.name,
      language,
      task,
      ...times,
      audioMs: 0,
      segments: 0,
      isIncomplete: false,
    };
    const writer = new TranscriptWriter(transcripts, health, record);
    await writer.write();
    return { writer, segmentCount: 0, resumeMs: 0 };
  }

  /** As a session polishes what it says: segment by segment, the whole, or both. */
  async #polish({ id, options }: JobRecord, writer: TranscriptWriter, signal: AbortSignal): Promise<void> {
    const { polishing, transcripts } = this.#options;
    const wish = changePolish(NO_POLISH, options.polish);
    const style = styleOf(wish);
    if (polishing === undefined || style === undefined) return;
    await writer.write();
    const segments = await transcripts.allSegments(id);
    const task = { style, budgetMs: POLISH_BUDGET_MS, signal } satisfies Partial<PolishTask>;
    let previous = '';
    for (const segment of wish.scope === 'session' ? [] : segments) {
      const { text, language } = segment;
      const polished = await polishing.polish({ ...task, text, language, previous, paragraphs: false });
      previous = polished.text;
      writer.keep({ ...segment, polished: polished.text });
    }
    if (wish.scope === 'segment') return;
    const parts: string[] = [];
    for (const text of textsOf(segments.map((segment) => segment.text))) {
      const language = segments[0]?.language ?? 'auto';
      const previousPart = parts.at(-1) ?? '';
      const polished = await polishing.polish({ ...task, text, language, previous: previousPart, paragraphs: true });
      parts.push(polished.text);
    }
    if (parts.length > 0) writer.set({ polished: parts.join('\n\n') });
  }
}

type JobFacts = Pick<JobRecord, 'cache' | 'cacheKey' | 'audioMs' | 'warnings'>;

/** Writes how far a job is, now and then, and learns from it whether the job is still wanted. */
class ProgressNotes {
  heardMs = 0;
  #isOver = false;
  #lastWrite = 0;
  #writing: Promise<void> | undefined;
  readonly #jobs: JobStore;
  readonly #id: string;
  readonly #fractionAt: (heardMs: number) => number;

  constructor(jobs: JobStore, id: string, fractionAt: (heardMs: number) => number) {
    this.#jobs = jobs;
    this.#id = id;
    this.#fractionAt = fractionAt;
  }

  heard(heardMs: number): void {
    this.heardMs = Math.max(this.heardMs, heardMs);
    const now = performance.now();
    if (this.#writing !== undefined || now - this.#lastWrite < PROGRESS_MS) return;
    this.#lastWrite = now;
    this.#writing = this.#write().finally(() => (this.#writing = undefined));
  }

  /** Throws JobCancelled where somebody has cancelled the job, on this node or on another. */
  check(): void {
    if (this.#isOver) throw new JobCancelled('The job was cancelled.');
  }

  async end(): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    const progress = { heardMs: this.heardMs, fraction: this.#fractionAt(this.heardMs) };
    // A store that fails is met when the transcript is written.
    const job = await this.#jobs.change(this.#id, () => ({ progress })).catch(() => 'unknown' as const);
    this.#isOver = job === undefined;
  }
}

function fileOptions({ options }: JobRecord): FileOptions {
  const { language, task, prompt, hotwords, words, track, replacements, profanity, redact, redactNames } = options;
  return {
    language,
    task,
    prompt,
    hotwords,
    words,
    track,
    rewriting: { replacements, profanity, redact, redactNames },
  };
}

function keptSegment(segment: TranscribedSegment, segmentId: number, fromMs: number): KeptSegment {
  const { text, language, avgLogprob, noSpeechProb, channel } = segment;
  const moved = ({ startMs, endMs }: { startMs: number; endMs: number }) => ({
    startMs: startMs + fromMs,
    endMs: endMs + fromMs,
  });
  const words = segment.words.map((word) => ({ ...word, ...moved(word) }));
  const facts = { segmentId, text, language, avgLogprob, noSpeechProb, ...moved(segment) };
  return {
    ...facts,
    ...(channel !== undefined && { channel }),
    ...(words.length > 0 && { words }),
  };
}

/** Whether the job is not to blame: it is begun again, where it was. */
function canGoOn(error: unknown, signal: AbortSignal): boolean {
  if (signal.aborted || error instanceof StoreError) return true;
  return error instanceof AsrError && (error.code === 'overloaded' || error.code === 'shutting_down');
}

/** What a client may know of a failure. */
function publicError(error: unknown): { code: string; message: string } {
  if (error instanceof CodedError) return { code: error.code, message: error.message };
  return { code: 'internal', message: 'The server failed at this job; its log says why.' };
}
