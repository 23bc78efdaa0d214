// A server of several processes: opens the engines and the queue before them, and keeps the processes running that hold
// the sockets, all on one port.
import type { Logger } from 'pino';
import { AUDIO_ARENA_BYTES, AudioArena } from '../asr/engine-host/audio-arena.js';
import type { Settings } from '../config/settings.js';
import { servedModel, type RunningServer } from '../main.js';
import { findModel } from '../main/open-recognition.js';
import { OpenedParts } from '../main/opened-parts.js';
import { startErrorOf } from '../main/start-error.js';
import { mergeMetrics } from '../metrics/merged-metrics.js';
import { MetricsRegistry } from '../metrics/metrics-registry.js';
import { registerProcessMetrics } from '../metrics/process-metrics.js';
import { memoryByProcess } from '../native-host/memory-by-process.js';
import { NativeHost } from '../native-host/native-host.js';
import { isRedis } from '../store/open-store.js';
import { systemClock } from '../time/clock.js';
import { portSharingMissing } from '../transport/choose-transport.js';
import { freePort } from '../transport/free-port.js';
import { defaultRuns } from '../vad/silero-vad.js';
import type { ServerProcessWork, SharedStatus } from './process-work.js';
import { ProcessesError } from './processes-error.js';
import { ServerProcess, type Asked } from './server-process.js';
import { SharedEngines } from './shared-engines.js';

/** When a process takes the place of a dead one, milliseconds. */
const RESTART = { backoffMinMs: 100, backoffMaxMs: 10_000, healthyAfterMs: 30_000 } as const;
/** How often they are told of engines and of each other, milliseconds. */
const STATUS_EVERY_MS = 250;

/** Resolves when all of them take sessions. Rejects with StartError. */
export async function startProcesses(settings: Settings, log: Logger): Promise<RunningServer> {
  const opened = new OpenedParts();
  try {
    refuse(settings);
    const supervisor = new Supervisor(settings, log, opened);
    await supervisor.start();
    return supervisor;
  } catch (error) {
    await opened.close();
    throw startErrorOf(error);
  }
}

function refuse(settings: Settings): void {
  const flag = `--processes ${settings.processes}`;
  if (!isRedis(settings)) {
    throw new ProcessesError(
      'processes_need_redis',
      `${flag} needs a Redis, in which the processes share sessions, keys and transcripts: name it with --redis-url.`,
    );
  }
  const missing = portSharingMissing(settings.transport);
  if (missing !== undefined) {
    throw new ProcessesError('processes_need_port_sharing', `${flag} cannot share the port: ${missing}.`);
  }
  if (settings.engine === 'whisper' && settings.engineHost === 'inline') {
    throw new ProcessesError(
      'processes_need_engine_process',
      `${flag} needs engines in processes of their own: --engine-host process.`,
    );
  }
}

class Supervisor implements RunningServer {
  readonly #settings: Settings;
  readonly #log: Logger;
  readonly #opened: OpenedParts;
  /** Of all processes together. */
  readonly #shared = new MetricsRegistry();
  readonly #own = new MetricsRegistry();
  readonly #strayErrors = this.#own.counter('sotto_stray_errors_total', 'Errors that no handler caught.');
  readonly #deaths = this.#shared.counter(
    'sotto_server_process_deaths_total',
    'Server processes that died and were replaced.',
  );
  readonly #living = new Set<ServerProcess>();
  /** Those that take sessions. */
  readonly #serving = new Set<ServerProcess>();
  #engines: SharedEngines | undefined;
  #isPaused = false;
  #isDraining = false;
  #onStopAsked: (() => void) | undefined;
  url = '';
  model: RunningServer['model'] = { name: '', device: '', isEmbedded: false, isMultilingual: true };

  constructor(settings: Settings, log: Logger, opened: OpenedParts) {
    this.#settings = settings;
    this.#log = log;
    this.#opened = opened;
    this.#shared.gauge('sotto_server_processes', 'Server processes that take sessions.', () => this.#serving.size);
    const measuring = registerProcessMetrics(this.#own);
    opened.addCallback(() => measuring.close());
  }

  async start(): Promise<void> {
    const { processes, host } = this.#settings;
    const model = await findModel(this.#settings);
    this.model = servedModel(this.#settings, model);
    // Somebody else's port is known now: those who share one are not told of each other.
    const port = await freePort(this.#settings.port, host);
    // Closed after the engines: a run that waits for one still sees its audio there.
    const arenas = Array.from({ length: processes }, () => AudioArena.create(AUDIO_ARENA_BYTES));
    this.#opened.addCallback(() => {
      for (const arena of arenas) arena?.close();
    });
    const abort = new AbortController();
    const loading = SharedEngines.open(this.#settings, model, {
      processes,
      log: this.#log,
      metrics: this.#shared,
      signal: abort.signal,
      held: () => this.#held,
      onFull: () => this.#tellAll({ type: 'shrink' }),
    });
    this.#opened.addCallback(async () => {
      abort.abort();
      await loading.then(
        (engines) => engines.close(),
        () => undefined,
      );
    });
    // One rejects early where the start is given up.
    loading.catch(() => undefined);
    const first = arenas.map((arena, at) => {
      const number = at + 1;
      const load = { settings: settingsOf(this.#settings, port, number), model, number };
      const start = () => this.#launch({ ...load, status: this.#status }, arena);
      const child = start();
      this.#opened.addCallback(() => child.death ?? this.#end(child));
      return { number, start, child };
    });
    this.#opened.addCallback(systemClock.every(STATUS_EVERY_MS, () => this.#tellStatus()));
    const engines = await Promise.race([loading, ...first.map(({ child }) => child.loaded.then(() => loading))]);
    this.#engines = engines;
    for (const child of this.#living) child.join(engines.hub);
    const [facts] = await Promise.all(first.map(({ child }) => child.loaded));
    this.url = facts?.url ?? '';
    const hosts = first.map(({ number, start, child }) => this.#keep(number, start, child));
    this.#opened.addCallback(() => Promise.all(hosts.map((host) => host.close())));
    this.#tellStatus();
    this.#log.info({ processes, port }, 'several processes serve one port');
  }

  /** What is of all processes, then what each has of its own. */
  metrics(): string {
    return mergeMetrics([
      { process: undefined, text: this.#shared.expose() },
      { process: 'queue', text: this.#own.expose() },
    ]);
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    await Promise.all([...this.#living].map((child) => child.drain()));
  }

  async close(): Promise<void> {
    await this.#opened.close();
  }

  countStrayError(): void {
    this.#strayErrors.add();
  }

  onceStopAsked(callback: () => void): void {
    this.#onStopAsked = callback;
  }

  get #status(): SharedStatus {
    return {
      processes: { count: this.#settings.processes, up: this.#serving.size },
      engines: this.#engines?.states ?? [],
      isFull: this.#engines?.isFull ?? false,
      isPaused: this.#isPaused,
    };
  }

  /** Bytes by process; the servers' own children as they told last. */
  get #held(): ReadonlyMap<string, number> {
    const held = memoryByProcess();
    for (const child of this.#living) {
      for (const [name, bytes] of child.held) held.set(name, (held.get(name) ?? 0) + bytes);
    }
    return held;
  }

  #launch(load: Omit<ServerProcessWork['load'], 'arenaBytes'>, arena: AudioArena | undefined): ServerProcess {
    const child = new ServerProcess({ load, arena, onTells: (tells, from) => this.#take(tells, from) });
    this.#living.add(child);
    void this.#follow(child);
    if (this.#engines !== undefined) child.join(this.#engines.hub);
    return child;
  }

  async #follow(child: ServerProcess): Promise<void> {
    if (await child.loaded.then(Boolean, () => false)) {
      this.#serving.add(child);
      this.#tellStatus();
      if (this.#isDraining) void child.drain();
    }
    await child.exited;
    this.#living.delete(child);
    this.#serving.delete(child);
    this.#tellStatus();
  }

  /** Has another process in the place of one that dies. */
  #keep(
    number: number,
    start: () => ServerProcess,
    first: ServerProcess,
  ): NativeHost<ServerProcessWork, ServerProcess> {
    return new NativeHost<ServerProcessWork, ServerProcess>(
      {
        ...RESTART,
        name: 'the server',
        start,
        restart: 'at_once',
        onEvent: ({ type, ...facts }) => {
          if (type === 'died') this.#deaths.add();
          this.#log[type === 'loaded' ? 'info' : 'warn']({ process: number, ...facts }, `server process ${type}`);
        },
      },
      first,
    );
  }

  /** Of one that was started and not kept yet. */
  async #end(child: ServerProcess): Promise<void> {
    child.kill(new Error('the start was given up'));
    await child.exited;
  }

  #take(tells: Asked, from: ServerProcess): void {
    switch (tells.type) {
      case 'metrics':
        return void this.#tellMetrics(tells.id, from);
      case 'question':
        return void this.#passOn(tells, from);
      case 'pause':
        this.#isPaused = tells.isPaused;
        return this.#tellStatus();
      case 'stop':
        return this.#onStopAsked?.();
    }
  }

  async #tellMetrics(id: number, to: ServerProcess): Promise<void> {
    const told = await Promise.all(
      [...this.#serving].map(async (child) => ({ process: `${child.number}`, text: (await child.metrics()) ?? '' })),
    );
    const text = mergeMetrics([
      { process: undefined, text: this.#shared.expose() },
      { process: 'queue', text: this.#own.expose() },
      ...told.toSorted((a, b) => Number(a.process) - Number(b.process)),
    ]);
    to.tell({ type: 'metrics', id, text });
  }

  /** Asks the others. */
  async #passOn({ id, question }: Extract<Asked, { type: 'question' }>, from: ServerProcess): Promise<void> {
    const others = [...this.#serving].filter((child) => child !== from);
    const answers = await Promise.all(others.map((child) => child.ask(question)));
    from.tell({ type: 'answers', id, answers: answers.filter((answer) => answer !== undefined) });
  }

  #tellStatus(): void {
    this.#tellAll({ type: 'status', status: this.#status });
  }

  #tellAll(told: ServerProcessWork['told']): void {
    for (const child of this.#living) child.tell(told);
  }
}

/**
 * Of one process: the port is known, what cannot be shared is the first one's, and threads of detectors are dealt out.
 */
function settingsOf(settings: Settings, port: number, number: number): Settings {
  const vadRuns = settings.vadRuns || Math.ceil(defaultRuns() / settings.processes);
  return { ...settings, port, vadRuns, wyomingPort: number === 1 ? settings.wyomingPort : 0 };
}
