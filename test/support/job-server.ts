// Jobs on a real port and a real store, with a recogniser that hears the loudness of each second.
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Test } from 'tap';
import type { TranscribedSegment } from '../../server/src/asr/files/file-transcriber.js';
import { CachedTranscription } from '../../server/src/recordings/cached-transcription.js';
import { ResultCache } from '../../server/src/recordings/result-cache.js';
import type { DecodeRecording } from '../../server/src/jobs/job-runner.js';
import type { FileRun } from '../../server/src/recordings/file-transcription.js';
import { Gateway } from '../../server/src/gateway/gateway.js';
import { createWsTransport } from '../../server/src/transport/ws-transport.js';
import { AddressGuard } from '../../server/src/http/outbound/address-guard.js';
import { jobRoutes } from '../../server/src/api/jobs/job-routes.js';
import type { JobSettings } from '../../server/src/jobs/open-jobs.js';
import { AudioFileError } from '../../server/src/audio/audio-errors.js';
import { openJobs } from '../../server/src/jobs/open-jobs.js';
import { ListingGuard } from '../../server/src/api/transcripts/listing-guard.js';
import type { StoreHandle } from '../../server/src/store/open-store.js';
import { FileBlobs } from '../../server/src/store/lmdb/file-blobs.js';
import { LmdbStore } from '../../server/src/store/lmdb/lmdb-store.js';
import { StoreHealth } from '../../server/src/store/store-health.js';
import { transcriptRoutes } from '../../server/src/api/transcripts/transcript-routes.js';
import { Transcripts } from '../../server/src/transcripts/transcripts.js';
import { ROOMY_LIMITS } from './test-gateway.js';
import { WallClock } from './kept-transcripts.js';
import { testFolder } from './test-folder.js';

/** A recording: the loudness of each second, 16-bit samples at 16 kHz. */
export function recordingOf(...loudness: readonly number[]): Buffer {
  const samples = new Int16Array(16_000 * loudness.length);
  for (const [second, level] of loudness.entries()) samples.fill(level, second * 16_000, (second + 1) * 16_000);
  return Buffer.from(samples.buffer);
}

/** Hears `w<loudness>` in each second; may be held at one. */
export class LoudnessTranscriber {
  runs = 0;
  /** Seconds heard in all runs. */
  heard = 0;
  /** The second (counted over all runs) before which it waits. */
  holdAt = Infinity;
  #release: () => void = () => undefined;
  #held: () => void = () => undefined;
  readonly isHeld = new Promise<void>((resolve) => (this.#held = resolve));

  release(): void {
    this.holdAt = Infinity;
    this.#release();
  }

  async *transcribe(
    audio: AsyncIterable<Float32Array>,
    _options: object,
    run: FileRun = {},
  ): AsyncGenerator<TranscribedSegment> {
    this.runs++;
    let samples = 0;
    for await (const block of audio) {
      for (let at = 0; at < block.length; at += 16_000) {
        if (this.heard >= this.holdAt) await this.#wait(run.signal);
        run.signal?.throwIfAborted();
        const startMs = (samples + at) / 16;
        this.heard++;
        yield segmentOf(`w${Math.round((block[at] ?? 0) * 32_768)}`, startMs);
        run.onProgress?.(startMs + 1_000);
      }
      samples += block.length;
    }
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    this.#held();
    await new Promise<void>((resolve) => {
      this.#release = resolve;
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

function segmentOf(text: string, startMs: number): TranscribedSegment {
  const facts = { language: 'en', avgLogprob: -0.1, noSpeechProb: 0, temperature: 0, tokens: [], words: [] };
  return { text: text === 'w0' ? '' : text, startMs, endMs: startMs + 1_000, ...facts };
}

/** Raw samples, a second a block; what begins with `broken` is no recording. */
export async function* decodeRaw(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Float32Array> {
  let held = Buffer.alloc(0);
  for await (const piece of bytes) {
    held = Buffer.concat([held, piece]);
    if (held.subarray(0, 6).toString() === 'broken') {
      throw new AudioFileError('not_audio', 'This is no recording.');
    }
    for (; held.length >= 32_000; held = held.subarray(32_000)) yield floats(held.subarray(0, 32_000));
  }
  if (held.length > 0) yield floats(held);
}

function floats(bytes: Buffer): Float32Array {
  return Float32Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readInt16LE(2 * index) / 32_768);
}

export interface JobServerOptions {
  readonly store: StoreHandle;
  readonly transcriber?: LoudnessTranscriber;
  /** Default: {@link decodeRaw}. */
  readonly decode?: DecodeRecording;
  readonly settings?: Partial<JobSettings>;
  readonly clock?: WallClock;
  readonly uploadBytesMax?: number;
  /** Addresses that webhooks may go to. */
  readonly reachable?: string;
  readonly cacheBytesMax?: number;
}

/** Serves until `close` is called or the test ends; the store is left open. */
export async function startJobServer(t: Test, options: JobServerOptions) {
  const { store, transcriber = new LoudnessTranscriber(), clock = new WallClock() } = options;
  const log = pino({ level: 'silent' });
  const wallNow = (): number => clock.now;
  const settings = {
    jobsMax: 1,
    jobsWaitingMax: 5,
    jobFolder: '',
    redisUrl: '',
    retentionMs: 60_000,
    ...options.settings,
  };
  const health = new StoreHealth(log);
  const { retentionMs } = settings;
  const transcripts = new Transcripts({ store: store.data, retentionMs, wallNow });
  const bytesMax = options.cacheBytesMax ?? 10_000_000;
  const cache = new ResultCache({ store: store.data, model: () => 'loudness', bytesMax, retentionMs, wallNow });
  const transcription = new CachedTranscription(transcriber, cache, health);
  const { jobs, webhooks } = await openJobs({
    store,
    tending: { once: (work) => work() },
    transcripts,
    transcription,
    decode: options.decode ?? decodeRaw,
    polishing: undefined,
    model: { name: 'loudness' },
    health,
    log,
    wallNow,
    guard: AddressGuard.of(options.reachable ?? ''),
    settings,
  });
  const gateway = new Gateway({
    createTransport: createWsTransport,
    limits: ROOMY_LIMITS,
    log,
  });
  const listing = new ListingGuard('auto', '127.0.0.1');
  gateway.open(() => {
    throw new Error('No sessions here.');
  }, [
    ...transcriptRoutes(transcripts, listing, (id) => jobs.forgetResult(id)),
    ...jobRoutes({
      jobs,
      listing,
      uploadBytesMax: options.uploadBytesMax ?? 1_000_000,
      check: ({ webhook }) => webhook === undefined || webhooks.check(webhook.url),
      wallNow,
    }),
  ]);
  const port = await gateway.listen(0, '127.0.0.1');
  jobs.start();
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= gateway.close().then(() => jobs.close()));
  t.teardown(close);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    jobs,
    cache,
    transcripts,
    transcriber,
    clock,
    close,
    async upload(
      recording: Uint8Array,
      fields: Readonly<Record<string, string>> = {},
      name = 'talk.raw',
    ): Promise<Response> {
      const form = new FormData();
      for (const [key, value] of Object.entries(fields)) form.set(key, value);
      form.set('file', new Blob([new Uint8Array(recording)]), name);
      return fetch(`${url}/v1/jobs`, { method: 'POST', body: form });
    },
    /** The job when it is over. */
    async over(id: string): Promise<Record<string, unknown>> {
      let last: Record<string, unknown> = {};
      for await (const event of eventsOf(await fetch(`${url}/v1/jobs/${id}/events`))) last = event.data;
      return last;
    },
  };
}

export interface ReadEvent {
  readonly event: string;
  readonly id: string;
  readonly data: Record<string, unknown>;
}

/** Server-sent events as they come. */
export async function* eventsOf(response: Response): AsyncGenerator<ReadEvent> {
  if (response.body === null) return;
  let text = '';
  const decoder = new TextDecoder();
  for await (const bytes of response.body) {
    text += decoder.decode(bytes as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(text.slice(0, end))?.[1] ?? '';
      const [event, id, data] = [field('event'), field('id'), field('data')];
      text = text.slice(end + 2);
      if (data !== '') yield { event, id, data: JSON.parse(data) as Record<string, unknown> };
    }
  }
}

/** A receiver of webhooks that answers as it is told. */
export async function startReceiver(t: Test, answers: number[]) {
  const got: { readonly headers: Record<string, string>; readonly body: string }[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (data) => (body += String(data)));
    request.on('end', () => {
      got.push({ headers: request.headers as Record<string, string>, body });
      response.writeHead(answers.shift() ?? 200).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}/hook`, got };
}

/** A store of files in the test's folder. */
export async function openLocal(t: Test, uploadsBytesMax = 5_000_000): Promise<StoreHandle> {
  const folder = testFolder(t);
  const data = await LmdbStore.open(folder);
  t.teardown(() => data.close());
  return { data, blobs: await FileBlobs.open(join(folder, 'uploads'), uploadsBytesMax), isShared: false };
}

export async function json(response: Response | Promise<Response>): Promise<Record<string, unknown>> {
  return (await (await response).json()) as Record<string, unknown>;
}

export async function idOf(response: Response | Promise<Response>): Promise<string> {
  return String((await json(response))['id']);
}
