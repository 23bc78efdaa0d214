// Hours of a server's life in minutes: live streams that are cut, clients that come, go and vanish, and uploads.
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../audio/seeded-random.js';
import { place, type LoadedRecording } from '../audio/playlist.js';
import { upload, wavMaker } from '../files/wav-upload.js';
import { encodeForLoad, LoadSocket } from '../load/load-socket.js';
import type { BenchServer } from '../server/bench-server.js';
import { wordsLost } from '../stream/words-lost.js';
import { playWithCuts } from './cut-stream.js';
import { ServerSamples } from './server-samples.js';

export interface SoakOptions {
  readonly recordings: readonly LoadedRecording[];
  readonly language: string;
  /** Live streams at a time. */
  readonly streams: number;
  /** Clients at a time that come and go. */
  readonly churn: number;
  readonly timeMs: number;
  readonly seed: number;
}

export interface SoakReport {
  readonly streams: number;
  readonly cuts: number;
  readonly words: number;
  readonly wordsLost: number;
  readonly visits: number;
  readonly uploads: number;
  readonly samples: ServerSamples;
  /** What went wrong: it should be nothing. */
  readonly faults: readonly string[];
}

const CUTS_MAX = 2;
const AWAY_MS = 400;
/** Silence around what is said, milliseconds. */
const GAP_MS = 1_000;
const CHUNK = new Uint8Array(1_280);
const UPLOAD_SECONDS = 10;
const UPLOAD_PAUSE_MS = 5_000;
const OPEN_TIMEOUT_MS = 10_000;
const FAULTS_MAX = 50;

export async function soak(server: BenchServer, options: SoakOptions): Promise<SoakReport> {
  const run = new Soak(server, options);
  await run.learn();
  return await run.go();
}

class Soak {
  readonly #server: BenchServer;
  readonly #options: SoakOptions;
  readonly #random: () => number;
  readonly #faults: string[] = [];
  /** What is heard of each recording when nothing is cut. */
  readonly #wanted = new Map<LoadedRecording, readonly string[]>();
  readonly #counts = { streams: 0, cuts: 0, words: 0, wordsLost: 0, visits: 0, uploads: 0 };
  #until = 0;

  constructor(server: BenchServer, options: SoakOptions) {
    this.#server = server;
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  async learn(): Promise<void> {
    await Promise.all(
      this.#options.recordings.map(async (recording) => this.#wanted.set(recording, await this.#play(recording, []))),
    );
  }

  async go(): Promise<SoakReport> {
    const { streams, churn, timeMs } = this.#options;
    this.#until = performance.now() + timeMs;
    const samples = new ServerSamples(this.#server);
    await Promise.all([
      ...Array.from({ length: streams }, (_, first) => this.#repeat('a stream', (turn) => this.#stream(first + turn))),
      ...Array.from({ length: churn }, () => this.#repeat('a visit', () => this.#visit())),
      this.#repeat('an upload', () => this.#upload()),
    ]);
    samples.stop();
    return { ...this.#counts, samples, faults: this.#faults };
  }

  async #repeat(what: string, work: (turn: number) => Promise<void>): Promise<void> {
    for (let turn = 0; performance.now() < this.#until && this.#faults.length < FAULTS_MAX; turn++) {
      await work(turn).catch((error: unknown) => this.#faults.push(`${what}: ${String(error)}`));
    }
  }

  async #stream(turn: number): Promise<void> {
    const { recordings } = this.#options;
    const recording = recordings[turn % recordings.length];
    if (recording === undefined) return;
    const lengthMs = recording.samples.length / 16 + 2 * GAP_MS;
    const cuts = Array.from({ length: Math.floor(this.#random() * (CUTS_MAX + 1)) }, () => this.#random() * lengthMs);
    const words = await this.#play(
      recording,
      cuts.map(Math.floor).toSorted((a, b) => a - b),
    );
    const wanted = this.#wanted.get(recording) ?? [];
    this.#counts.streams++;
    this.#counts.cuts += cuts.length;
    this.#counts.words += wanted.length;
    this.#counts.wordsLost += wordsLost(wanted, words);
  }

  #play(recording: LoadedRecording, cutsMs: readonly number[]): Promise<string[]> {
    const { language } = this.#options;
    const url = this.#server.streamUrl;
    return playWithCuts(place([recording], GAP_MS), { url, language, cutsMs, awayMs: AWAY_MS });
  }

  /** Comes, says a little or nothing, and stops, leaves, or vanishes. */
  async #visit(): Promise<void> {
    const options = { url: this.#server.streamUrl, decodesAll: false, openTimeoutMs: OPEN_TIMEOUT_MS };
    const socket = await LoadSocket.open(options, { message: () => undefined, closed: () => undefined });
    const audio = { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } as const;
    if (this.#random() < 0.9) socket.send(encodeForLoad({ type: 'start', audio }));
    const chunks = Math.floor(this.#random() * 25);
    for (let chunk = 0; chunk < chunks; chunk++) {
      socket.send(encodeForLoad({ type: 'audio', offset: chunk * 640, data: CHUNK }));
      await sleep(40);
    }
    const end = this.#random();
    if (end < 0.4) socket.vanish();
    else if (end < 0.7) socket.send(encodeForLoad({ type: 'stop' }));
    if (end >= 0.4) {
      await sleep(200);
      socket.close();
    }
    this.#counts.visits++;
  }

  async #upload(): Promise<void> {
    await upload(this.#server, wavMaker(this.#options.recordings)(UPLOAD_SECONDS));
    this.#counts.uploads++;
    await sleep(Math.max(0, Math.min(UPLOAD_PAUSE_MS, this.#until - performance.now())));
  }
}
