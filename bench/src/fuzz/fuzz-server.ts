// Fuzzes one real server in a process of its own, with honest use beside it, until enough was sent or time is over.
import { setTimeout as sleep } from 'node:timers/promises';
import { fetchMetrics, sumOf } from '../measure/prometheus.js';
import { SpawnedServer } from '../server/spawned-server.js';
import { Chance } from './chance.js';
import { converse, KINDS, type Kind } from './converse.js';
import { fuzzedForm } from './forms.js';
import { sendForm } from './send-form.js';
import { Witness, type Testimony } from './witness.js';

export interface FuzzOptions {
  readonly transport: 'uws' | 'ws';
  readonly messages: number;
  readonly forms: number;
  /** Ends sooner where these are not reached by then, milliseconds. */
  readonly timeMsMax: number;
  /** All that is sent follows from it. */
  readonly seed: number;
  /** Kinds of conversations. Default: all. */
  readonly kinds?: readonly Kind[];
  /** Further flags of `sotto serve`. */
  readonly flags?: readonly string[];
}

export interface FuzzReport {
  readonly messages: number;
  readonly forms: number;
  readonly tookMs: number;
  /** What the server says that it has read of messages. */
  readonly messagesRead: number;
  readonly closeCodes: ReadonlyMap<number, number>;
  readonly statuses: ReadonlyMap<number, number>;
  /** Resident memory of the server's process, second by second, MiB. */
  readonly memoryMiB: readonly number[];
  readonly testimony: Testimony;
  /** All that must not be. Empty: it held. */
  readonly faults: readonly string[];
}

const READY_TIMEOUT_MS = 180_000;
/** How long anything may take to be answered or to end: a decoder that starts on a busy machine takes its time. */
const ANSWER_TIMEOUT_MS = 60_000;
const SOCKETS_AT_ONCE = 12;
const FORMS_AT_ONCE = 6;
/** What was begun ends meanwhile. */
const REST_MS = 2_000;
const SAMPLE_MS = 1_000;
const FAULTS_MAX = 20;
const MIB = 2 ** 20;
/** Bounds of rates would hide what is behind them; they have tests of their own. */
const FLAGS = ['--engine', 'null', '--requests-per-second-max', '1000000', '--messages-per-second-max', '1000000'];

/** Rejects with BenchError where the server does not start. */
export async function fuzzServer(options: FuzzOptions): Promise<FuzzReport> {
  const { transport, flags = [] } = options;
  await using server = await SpawnedServer.start({
    flags: [...FLAGS, '--transport', transport, ...flags],
    readyTimeoutMs: READY_TIMEOUT_MS,
  });
  const witness = new Witness(ANSWER_TIMEOUT_MS);
  await witness.begin(server.httpUrl);
  const run = new FuzzRun(server, witness, options);
  const startedAt = performance.now();
  await run.go();
  const tookMs = performance.now() - startedAt;
  const testimony = await witness.end();
  await sleep(REST_MS);
  const metrics = await fetchMetrics(server.httpUrl);
  const count = (name: string): number => sumOf(metrics, name) ?? 0;
  const internal = metrics.find(({ name, labels }) => name === 'sotto_errors_total' && labels['code'] === 'internal');
  return {
    messages: run.messages,
    forms: run.forms,
    tookMs,
    messagesRead: count('sotto_messages_received_total'),
    closeCodes: run.closeCodes,
    statuses: run.statuses,
    memoryMiB: run.memoryMiB,
    testimony,
    faults: [
      ...run.faults,
      ...testimony.faults,
      ...(server.ending === undefined ? [] : [server.ending]),
      ...(count('sotto_stray_errors_total') === 0
        ? []
        : ['an error that no handler caught (sotto_stray_errors_total)']),
      ...(internal === undefined ? [] : [`${internal.value} messages were answered with "internal"`]),
    ],
  };
}

class FuzzRun {
  readonly faults: string[] = [];
  readonly closeCodes = new Map<number, number>();
  readonly statuses = new Map<number, number>();
  messages = 0;
  forms = 0;
  readonly memoryMiB: number[] = [];
  readonly #server: SpawnedServer;
  readonly #url: URL;
  readonly #witness: Witness;
  readonly #options: FuzzOptions;
  readonly #until: number;
  #conversations = 0;

  constructor(server: SpawnedServer, witness: Witness, options: FuzzOptions) {
    this.#server = server;
    this.#witness = witness;
    this.#url = new URL(server.httpUrl);
    this.#options = options;
    this.#until = performance.now() + options.timeMsMax;
  }

  async go(): Promise<void> {
    const { messages, forms } = this.#options;
    const all = Promise.all([
      ...workers(SOCKETS_AT_ONCE, () =>
        this.#repeat(
          () => this.messages < messages,
          () => this.#converse(),
        ),
      ),
      ...workers(FORMS_AT_ONCE, () =>
        this.#repeat(
          () => this.forms < forms,
          () => this.#sendForm(),
        ),
      ),
    ]);
    const over = new AbortController();
    const watching = this.#watchMemory(over.signal);
    await all;
    over.abort();
    await watching;
  }

  async #watchMemory(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      const bytes = sumOf(await fetchMetrics(this.#server.httpUrl), 'sotto_resident_memory_bytes');
      if (bytes !== undefined) this.memoryMiB.push(bytes / MIB);
      await sleep(SAMPLE_MS, undefined, { signal: over }).catch(() => undefined);
    }
  }

  #goesOn(): boolean {
    return performance.now() < this.#until && this.#server.ending === undefined && this.faults.length < FAULTS_MAX;
  }

  async #repeat(isWanted: () => boolean, work: () => Promise<void>): Promise<void> {
    while (isWanted() && this.#goesOn()) await work();
  }

  async #converse(): Promise<void> {
    const { seed, kinds = KINDS } = this.#options;
    const number = this.#conversations++;
    const kind = kinds[number % kinds.length] ?? 'json';
    const opponent = { url: this.#url, watchToken: this.#witness.watchToken, timeoutMs: ANSWER_TIMEOUT_MS };
    const { messages, code, hung } = await converse(opponent, kind, new Chance(seed + 2 * number));
    this.messages += messages;
    if (code !== undefined) this.closeCodes.set(code, (this.closeCodes.get(code) ?? 0) + 1);
    if (hung !== undefined) this.faults.push(`conversation ${number} waited in vain for ${hung}`);
  }

  async #sendForm(): Promise<void> {
    const number = this.forms++;
    const chance = new Chance(this.#options.seed + 2 * number + 1);
    const form = fuzzedForm(chance);
    const status = await sendForm(this.#url, form, { isDropped: chance.hits(0.5), timeoutMs: ANSWER_TIMEOUT_MS });
    if (status === 'hung') {
      if (form.isWhole) this.faults.push(`form ${number} was not answered`);
      return;
    }
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (status === 500) this.faults.push(`form ${number} was answered with 500`);
    if (status === 0 && form.isWhole) this.faults.push(`form ${number} was given no answer`);
  }
}

function workers(count: number, work: () => Promise<void>): Promise<void>[] {
  return Array.from({ length: count }, work);
}
