// The engines that all server processes share, and the one queue before them.
import type { InstalledModel } from '@sotto/models';
import type { Logger } from 'pino';
import { ThreadLoad } from '../admission/thread-load.js';
import type { EngineState } from '../api/status/health.js';
import { defaultMemoryBytes, MemoryBound } from '../asr/memory-bound.js';
import type { OpenedEngine } from '../asr/open-device-engines.js';
import { QUEUE_BOUNDS } from '../asr/scheduling/decode-queue.js';
import { Scheduler } from '../asr/scheduling/scheduler.js';
import { SchedulerHub, stateOf } from '../asr/scheduling/shared/scheduler-hub.js';
import type { Settings } from '../config/settings.js';
import { openEngines } from '../main/load-recognition.js';
import { OpenedParts } from '../main/opened-parts.js';
import type { MetricsRegistry } from '../metrics/metrics-registry.js';
import { createEngineDeaths, registerDecodeMetrics, registerMemoryMetrics } from '../metrics/recognition-metrics.js';

export interface SharedEnginesContext {
  readonly processes: number;
  readonly log: Logger;
  readonly metrics: MetricsRegistry;
  /** Gives the engines up where they still load. */
  readonly signal: AbortSignal;
  /** Bytes by process, of all processes. */
  readonly held: () => ReadonlyMap<string, number>;
  /** Memory is short. */
  readonly onFull: () => void;
}

export class SharedEngines {
  readonly hub: SchedulerHub;
  readonly #engines: readonly OpenedEngine[];
  readonly #thread: ThreadLoad;
  readonly #parts: OpenedParts;

  private constructor(hub: SchedulerHub, engines: readonly OpenedEngine[], thread: ThreadLoad, parts: OpenedParts) {
    this.hub = hub;
    this.#engines = engines;
    this.#thread = thread;
    this.#parts = parts;
  }

  /** Resolves when they are warm. Rejects with an error of a device or the settings, and holds nothing then. */
  static async open(settings: Settings, model: InstalledModel, context: SharedEnginesContext): Promise<SharedEngines> {
    const { processes, metrics, held, onFull } = context;
    const parts = new OpenedParts();
    try {
      const engines = await openEngines(settings, model, { ...context, deaths: createEngineDeaths(metrics) });
      const bare = engines.map(({ engine }) => engine);
      parts.addCallback(() => Promise.all(bare.map((engine) => engine.close())));
      await Promise.all(bare.map((engine) => engine.warmUp()));
      // Each of the processes keeps as many windows of files waiting as one may.
      const bounds = { ...QUEUE_BOUNDS, filesMax: QUEUE_BOUNDS.filesMax * processes };
      const scheduler = parts.add(new Scheduler(bare, { bounds }));
      const thread = parts.add(new ThreadLoad());
      const state = () => {
        const own = stateOf(scheduler);
        return { ...own, stretch: Math.max(own.stretch, thread.stretch) };
      };
      const hub = parts.add(new SchedulerHub(scheduler, { state }));
      registerDecodeMetrics(metrics, () => scheduler.counts);
      const memory = parts.add(
        new MemoryBound({
          bytesMax: settings.memoryBytesMax || defaultMemoryBytes(),
          read: held,
          onShare: (share) => scheduler.limitRuns(share),
          onFull: () => {
            void Promise.allSettled(bare.map((engine) => engine.shrink?.()));
            onFull();
          },
        }),
      );
      registerMemoryMetrics(metrics, memory);
      return new SharedEngines(hub, engines, thread, parts);
    } catch (error) {
      await parts.close();
      throw error;
    }
  }

  get states(): readonly EngineState[] {
    return this.#engines.map(({ device, engine }) => ({ device, isUp: engine.isUp ?? true }));
  }

  /** Whether the thread that has the queue is full. */
  get isFull(): boolean {
    return this.#thread.isFull;
  }

  async close(): Promise<void> {
    await this.#parts.close();
  }
}
