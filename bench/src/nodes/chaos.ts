// Live streams whose sockets are cut and whose nodes are killed at random: each word must come once.
import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '../audio/seeded-random.js';
import { BenchError } from '../bench-error.js';
import { wordsIn } from '../stream/words-lost.js';
import type { Cluster } from './cluster.js';
import { mark, type SpeechToMark } from './marked-speech.js';
import { RoamingClient } from './roaming-client.js';
import { countWords } from './word-count.js';

export interface ChaosOptions {
  readonly speech: SpeechToMark;
  /** At a time. */
  readonly streams: number;
  /** Against the pace of a speaker. */
  readonly pace: number;
  /** At least so many, while all streams speak. */
  readonly cuts: number;
  readonly kills: number;
  readonly seed: number;
  /** After this time nothing more is cut or killed, whatever is left, milliseconds. */
  readonly timeMsMax?: number;
  /** Hears of progress. */
  readonly say?: (line: string) => void;
}

export interface ChaosReport {
  readonly streams: number;
  readonly cuts: number;
  readonly kills: number;
  /** Times a stream went on at another node. */
  readonly moves: number;
  /** What clients were told. */
  readonly told: Tally;
  /** What the transcripts have. */
  readonly kept: Tally;
  /** Streams whose session could not be gone on with. */
  readonly begunAnew: number;
  /** Those of which nothing had been told, nor written: their node was killed in the first moment. */
  readonly begunAgain: number;
  /** What went wrong, a sentence each. */
  readonly faults: readonly string[];
}

export interface Tally {
  words: number;
  lost: number;
  doubled: number;
}

/** Numbers of the first words of two streams that begin one after the other lie so far apart. */
const FIRST_STEP = 37;
/** How many kill nodes at a time. */
const KILLERS = 2;
/** Between two kills of one of them, from the start of the last node on, milliseconds: at random up to. */
const KILL_PAUSE_MS = 2_000;
/** How long a killed node is away at least, milliseconds: at random up to. */
const AWAY_MS = 1_000;
const STREAM_TIMEOUT_MS = 180_000;
const TRANSCRIPT_TIMEOUT_MS = 30_000;
const FAULTS_MAX = 50;

/** @throws BenchError `mismatch` where an undisturbed stream is not heard word by word: nothing can be counted then */
export async function runChaos(cluster: Cluster, options: ChaosOptions): Promise<ChaosReport> {
  const chaos = new Chaos(cluster, options);
  await chaos.check();
  return chaos.run();
}

class Chaos {
  readonly #cluster: Cluster;
  readonly #options: ChaosOptions;
  readonly #random: () => number;
  readonly #speaking = new Set<RoamingClient>();
  readonly #counts = { streams: 0, cuts: 0, kills: 0, moves: 0, begunAnew: 0, begunAgain: 0 };
  readonly #told: Tally = { words: 0, lost: 0, doubled: 0 };
  readonly #kept: Tally = { words: 0, lost: 0, doubled: 0 };
  readonly #faults: string[] = [];
  /** Nodes that are not there. */
  readonly #down = new Set<number>();
  #begun = 0;
  #until = Number.POSITIVE_INFINITY;

  constructor(cluster: Cluster, options: ChaosOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  async check(): Promise<void> {
    const { samples, words } = mark(this.#options.speech, 1);
    const client = new RoamingClient(this.#cluster.streamUrl, samples);
    await client.run(this.#options.pace);
    const { lost, doubled, isDisordered } = countWords(words, wordsIn(client.text));
    if (lost + doubled > 0 || isDisordered || client.losses.length > 0) {
      throw new BenchError('mismatch', `An undisturbed stream was not heard word by word: "${client.text}".`);
    }
  }

  async run(): Promise<ChaosReport> {
    this.#until = performance.now() + (this.#options.timeMsMax ?? Number.POSITIVE_INFINITY);
    const disturbing = Promise.all([...Array.from({ length: KILLERS }, () => this.#kill()), this.#cut()]);
    const state = { isOver: false };
    const disturbed = disturbing.finally(() => (state.isOver = true));
    const streams = Array.from({ length: this.#options.streams }, async (_, index) => {
      // Not all at the same word.
      await delay((index * 10_000) / this.#options.streams / this.#options.pace);
      do await this.#stream();
      while (!state.isOver);
    });
    await Promise.all([disturbed, ...streams]);
    return { ...this.#counts, told: this.#told, kept: this.#kept, faults: this.#faults };
  }

  get #isEnough(): boolean {
    const { cuts, kills } = this.#options;
    return this.#isOver || (this.#counts.cuts >= cuts && this.#counts.kills >= kills);
  }

  get #isOver(): boolean {
    return this.#faults.length >= FAULTS_MAX || performance.now() > this.#until;
  }

  /** One node is always there. */
  async #kill(): Promise<void> {
    const { kills, say } = this.#options;
    const { nodes } = this.#cluster;
    for (;;) {
      await delay(this.#random() * KILL_PAUSE_MS);
      if (this.#counts.kills >= kills || this.#isOver) return;
      const index = Math.floor(this.#random() * nodes.length);
      if (this.#down.has(index) || this.#down.size >= nodes.length - 1) continue;
      this.#down.add(index);
      this.#counts.kills++;
      await this.#cluster.kill(index);
      await delay(this.#random() * AWAY_MS);
      await this.#cluster.restart(index);
      this.#down.delete(index);
      const { lost, doubled } = this.#told;
      const counts = Object.entries({ ...this.#counts, lost, doubled }).map(([name, count]) => `${count} ${name}`);
      say?.(counts.join(', '));
    }
  }

  /** Spreads the cuts over the time that the kills take. */
  async #cut(): Promise<void> {
    const { cuts, kills } = this.#options;
    while (!this.#isEnough) {
      await delay(this.#random() * 400);
      const isEarly = kills > 0 && this.#counts.cuts / cuts > (this.#counts.kills + 1) / kills;
      if (cuts === 0 || isEarly) continue;
      const speaking = [...this.#speaking];
      const client = speaking[Math.floor(this.#random() * speaking.length)];
      if (client?.cut() === true) this.#counts.cuts++;
    }
  }

  async #stream(): Promise<void> {
    const first = ((this.#begun++ * FIRST_STEP) % 255) + 1;
    const { samples, words } = mark(this.#options.speech, first);
    const client = new RoamingClient(this.#cluster.streamUrl, samples);
    this.#speaking.add(client);
    try {
      await client.run(this.#options.pace, STREAM_TIMEOUT_MS);
      this.#speaking.delete(client);
      this.#count('stream', this.#told, words, client.text, client);
      this.#count('transcript', this.#kept, words, await this.#transcript(client), client);
    } catch (error) {
      this.#faults.push(`stream ${first} (${client.sessionId}): ${String(error)}`);
    } finally {
      this.#speaking.delete(client);
      this.#counts.streams++;
      this.#counts.moves += client.moves;
      this.#counts.begunAgain += client.freshRestarts;
      if (client.restarts > 0) {
        this.#counts.begunAnew++;
        this.#faults.push(`${client.sessionId} began anew; sockets closed with ${client.losses.join(' ')}`);
      }
    }
  }

  #count(
    what: string,
    tally: Tally,
    wanted: readonly string[],
    text: string,
    { sessionId, losses, moves, restarts }: RoamingClient,
  ): void {
    const { words, lost, doubled, isDisordered } = countWords(wanted, wordsIn(text));
    tally.words += words;
    tally.lost += lost;
    tally.doubled += doubled;
    if (lost === 0 && doubled === 0 && !isDisordered) return;
    this.#faults.push(
      `${what} (${sessionId}; sockets closed with ${losses.join(' ')}; ${moves} moves, begun anew ${restarts} times): ` +
        `${lost} words lost, ${doubled} doubled${isDisordered ? ', disordered' : ''}: "${text}"`,
    );
  }

  /** Once it is complete: that is written behind `stopped`. */
  async #transcript({ sessionId }: RoamingClient): Promise<string> {
    const deadline = Date.now() + TRANSCRIPT_TIMEOUT_MS;
    for (;;) {
      const kept = await this.#look(sessionId);
      if (kept?.state === 'complete') return kept.text ?? '';
      if (Date.now() > deadline) throw new BenchError('timed_out', `its transcript is ${kept?.state ?? 'not there'}`);
      await delay(100);
    }
  }

  async #look(id: string): Promise<{ state?: string; text?: string } | undefined> {
    // The node that answers may be killed meanwhile.
    const response = await fetch(`${this.#cluster.httpUrl}/v1/transcripts/${id}`).catch(() => undefined);
    return response?.ok === true ? ((await response.json().catch(() => undefined)) as object | undefined) : undefined;
  }
}
