// Opens what recognises: the voice activity detector, an engine on every device, the recognizer, and the bound of
// memory; and lets another model take over.
import { ModelRegistry, type InstalledModel } from '@sotto/models';
import type { Logger } from 'pino';
import { parseDevices } from '../asr/devices.js';
import { defaultMemoryBytes, MemoryBound } from '../asr/memory-bound.js';
import { refuseLanguage } from '../asr/model-languages.js';
import { openEngine } from '../asr/engine-host/open-engine.js';
import { scriptedEngineSpec } from '../asr/engine-host/scripted-engine-spec.js';
import { MarkedEngine } from '../asr/marked-engine.js';
import { ModelSwap, type LoadedModel } from '../asr/model-swap.js';
import { NullEngine } from '../asr/null-engine.js';
import { openDeviceEngines, type OpenedEngine } from '../asr/open-device-engines.js';
import { ServedRecognizer } from '../asr/served-recognizer.js';
import { createRecognizer } from '../asr/streaming-recognizer.js';
import { shrinkDecoders } from '../audio/decoder/decode-in-process.js';
import { listOf } from '../config/list-of.js';
import type { Settings } from '../config/settings.js';
import {
  createEngineDeaths,
  registerMemoryMetrics,
  registerRecognitionMetrics,
} from '../metrics/recognition-metrics.js';
import type { Counter, MetricsRegistry } from '../metrics/metrics-registry.js';
import { NullVad } from '../vad/null-vad.js';
import { SileroVad } from '../vad/silero-vad.js';
import type { VoiceActivityDetector } from '../vad/vad.js';
import type { OpenedParts } from './opened-parts.js';
import { StartError } from './start-error.js';
import { ThreadLoad } from '../admission/thread-load.js';

export interface RecognitionContext {
  readonly model: InstalledModel;
  readonly log: Logger;
  readonly metrics: MetricsRegistry;
  readonly opened: OpenedParts;
  /** Called when engines are loaded, before they are warm: at the start, and again with each other model. */
  readonly onEngines: (engines: readonly OpenedEngine[]) => void;
  /** Live sessions now. */
  readonly sessions: () => number;
}

export interface Recognition {
  readonly vad: VoiceActivityDetector;
  readonly recognizer: ServedRecognizer;
  readonly swap: ModelSwap;
}

/** The folder of installed models. */
export function registryOf({ models }: Settings): ModelRegistry {
  return models === '' ? new ModelRegistry() : new ModelRegistry(models);
}

/** Resolves when the engines are warm. Rejects with an error of the model, a device or the settings. */
export async function openRecognition(settings: Settings, context: RecognitionContext): Promise<Recognition> {
  const { metrics, opened, onEngines, log, model, sessions } = context;
  const vad = opened.add(settings.vad === 'null' ? new NullVad() : await SileroVad.load({ runs: settings.vadRuns }));
  const deaths = createEngineDeaths(metrics);
  const first = await load(settings, model, log, deaths);
  onEngines(first.engines);
  const thread = settings.finalsLateMsMax === 0 ? undefined : opened.add(new ThreadLoad());
  const recognizer = opened.add(
    new ServedRecognizer(first.recognizer, {
      vad,
      isFull: thread && (() => thread.isFull),
      onCloseFailed: (error) => log.error({ err: error }, 'a model that was replaced could not be closed'),
    }),
  );
  for (const tag of listOf(settings.languages)) {
    const refusal = refuseLanguage(tag, recognizer.model);
    if (refusal !== undefined) throw new StartError(`--languages: ${refusal.message}`);
  }
  registerRecognitionMetrics(metrics, recognizer);
  const memory = new MemoryBound({
    bytesMax: settings.memoryBytesMax || defaultMemoryBytes(),
    onShare: (share) => recognizer.limitRuns(share),
    onFull: () => {
      shrinkDecoders();
      void recognizer.shrink();
    },
  });
  opened.add(memory);
  registerMemoryMetrics(metrics, memory);
  await warmUp(first);
  const enginesOnCpu = parseDevices(settings.devices).some(({ kind }) => kind === 'cpu') ? settings.engines : 0;
  const swap = new ModelSwap({
    served: recognizer,
    first,
    registry: registryOf(settings),
    load: async (installed) => {
      log.info({ model: installed.name }, 'another model is loaded');
      return warmUp(await load(settings, installed, log, deaths));
    },
    roomBytes: () => memory.bytesMax - [...memory.held.values()].reduce((sum, bytes) => sum + bytes, 0),
    // A GPU has memory of its own: what does not fit there does not load.
    bytesOf: ({ files }) => files.weightBytes * enginesOnCpu,
    sessions,
    onSwapped: ({ installed, engines }) => {
      onEngines(engines);
      log.info({ model: installed.name }, 'it serves from now on');
    },
  });
  return { vad, recognizer, swap };
}

async function load(settings: Settings, model: InstalledModel, log: Logger, deaths: Counter): Promise<LoadedModel> {
  const engines = await openEngines(settings, model, log, deaths);
  const bare = engines.map(({ engine }) => engine);
  try {
    const recognizer = await createRecognizer(bare, {
      ...settings,
      languages: listOf(settings.languages),
      identity: [bare[0]?.model.name, model.files.weightBytes].join(':'),
    });
    return { installed: model, engines, recognizer };
  } catch (error) {
    await Promise.all(bare.map((engine) => engine.close()));
    throw error;
  }
}

/** Closes the model where that fails. */
async function warmUp(model: LoadedModel): Promise<LoadedModel> {
  try {
    await Promise.all(model.engines.map(({ engine }) => engine.warmUp()));
    return model;
  } catch (error) {
    await model.recognizer.close();
    throw error;
  }
}

async function openEngines(
  settings: Settings,
  model: InstalledModel,
  log: Logger,
  deaths: Counter,
): Promise<OpenedEngine[]> {
  if (settings.engine === 'null') return [{ device: 'cpu', engine: new NullEngine(model.directory) }];
  if (settings.engine === 'marked') return [{ device: 'cpu', engine: await MarkedEngine.open(model.directory) }];
  if (settings.engine === 'scripted') {
    return [{ device: 'cpu', engine: await openEngine(scriptedEngineSpec(model), settings.engineHost) }];
  }
  return openDeviceEngines(model, {
    ...settings,
    isolation: settings.engineHost,
    onEvent: (engine, { type, ...facts }) => {
      if (type === 'died') deaths.add();
      log[type === 'died' ? 'warn' : 'info']({ engine, ...facts }, `engine ${type}`);
    },
  });
}
