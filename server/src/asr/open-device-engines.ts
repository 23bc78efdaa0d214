// Opens an engine on every device that the settings name.
import { availableParallelism } from 'node:os';
import type { InstalledModel } from '@sotto/models';
import { devicesOfEngines, nameOfDevice, parseDevices } from './devices.js';
import type { Engine } from './engine.js';
import { openEngine, type EngineIsolation } from './engine-host/open-engine.js';
import type { EngineProcessEvent } from './engine-host/process-engine.js';
import { whisperEngineSpec } from './engine-host/whisper-engine-spec.js';
import { defaultMemoryBytes, memoryOfEngine } from './memory-bound.js';
import type { WhisperEngineOptions } from './whisper/whisper-engine.js';

export interface DeviceEngineOptions {
  /** A list of devices; see `DEVICE_LIST`. */
  readonly devices: string;
  /** Engines on the CPU, where it is one of them. */
  readonly engines: number;
  /** Threads of one engine; 0: its share of the cores. */
  readonly threads: number;
  readonly precision: NonNullable<WhisperEngineOptions['precision']>;
  /** Memory that the server may hold, bytes; see MemoryBound. Default: a quarter of the machine. */
  readonly memoryBytesMax?: number;
  /** Runs that a GPU is handed at once; see Engine. Default 1. */
  readonly runsInFlight?: number;
  readonly isolation: EngineIsolation;
  /** @param engine its number, from 0 */
  readonly onEvent: (engine: number, event: EngineProcessEvent) => void;
  /** See ProcessEngine. */
  readonly signal?: AbortSignal;
}

export interface OpenedEngine {
  /** `cpu` or `cuda:0`. */
  readonly device: string;
  readonly engine: Engine;
}

/** Windows of one run on a GPU: what it takes to fill it. */
const CUDA_BATCH_MAX = 64;

/**
 * Loads the model on every device. Rejects with EngineError when it does not load on one; those that did are closed
 * again.
 */
export async function openDeviceEngines(model: InstalledModel, options: DeviceEngineOptions): Promise<OpenedEngine[]> {
  const { engines, threads, precision, runsInFlight = 1, isolation, onEvent, signal } = options;
  const devices = devicesOfEngines(parseDevices(options.devices), engines);
  const memoryBytes = memoryOfEngine(options.memoryBytesMax || defaultMemoryBytes(), devices.length);
  const outcomes = await Promise.allSettled(
    devices.map(async (device, number) => {
      const spec = whisperEngineSpec(model, {
        // A GPU's engine needs the CPU for shapes and copies alone.
        ...(device.kind === 'cuda'
          ? { cuda: { deviceId: device.id }, maxBatch: CUDA_BATCH_MAX, threads: threads || 1, runsInFlight }
          : { threads: threads || Math.max(1, Math.floor(availableParallelism() / engines)), memoryBytes }),
        precision,
      });
      // A GPU's engine is in a process of its own in any case: only there its native calls are all made by one thread.
      const engine = await openEngine(spec, device.kind === 'cuda' ? 'process' : isolation, {
        onEvent: (event) => onEvent(number, event),
        ...(signal && { signal }),
      });
      return { device: nameOfDevice(device), engine };
    }),
  );
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  const opened = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  if (failure === undefined) return opened;
  await Promise.all(opened.map(({ engine }) => engine.close()));
  throw failure.reason;
}
