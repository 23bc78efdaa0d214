// Opens what recognises, once it is loaded: the recognizer and the bound of memory; and lets another model take over.
import { ModelRegistry, type InstalledModel } from '@sotto/models';
import type { Logger } from 'pino';
import { parseDevices } from '../asr/devices.js';
import { defaultMemoryBytes, MemoryBound } from '../asr/memory-bound.js';
import { refuseLanguage } from '../asr/model-languages.js';
import { ModelSwap, type LoadedModel, type ModelChoice } from '../asr/model-swap.js';
import type { OpenedEngine } from '../asr/open-device-engines.js';
import { ServedRecognizer } from '../asr/served-recognizer.js';
import { shrinkDecoders } from '../audio/decoder/decode-in-process.js';
import { listOf } from '../config/list-of.js';
import type { Settings } from '../config/settings.js';
import { registerMemoryMetrics, registerRecognitionMetrics } from '../metrics/recognition-metrics.js';
import type { Counter, MetricsRegistry } from '../metrics/metrics-registry.js';
import type { VoiceActivityDetector } from '../vad/vad.js';
import { loadModel, type RecognitionStart, warmUp } from './load-recognition.js';
import type { OpenedParts } from './opened-parts.js';
import { fixedModel, type SharedServer } from './shared-server.js';
import { StartError } from './start-error.js';
import { ThreadLoad } from '../admission/thread-load.js';

export interface RecognitionContext {
  readonly loading: RecognitionStart;
  readonly deaths: Counter;
  readonly log: Logger;
  readonly metrics: MetricsRegistry;
  readonly opened: OpenedParts;
  /** Called when engines are loaded, before they are warm: at the start, and again with each other model. */
  readonly onEngines: (engines: readonly OpenedEngine[]) => void;
  /** Live sessions now. */
  readonly sessions: () => number;
  /** The others that it shares engines with. Absent: it has its own. */
  readonly shared: SharedServer | undefined;
}

export interface Recognition {
  readonly vad: VoiceActivityDetector;
  readonly recognizer: ServedRecognizer;
  readonly models: ModelChoice;
}

/** The folder of installed models. */
export function registryOf({ models }: Settings): ModelRegistry {
  return models === '' ? new ModelRegistry() : new ModelRegistry(models);
}

/** The one that is named, or the one that serves where none is. Rejects with ModelError. */
export function findModel(settings: Settings): Promise<InstalledModel> {
  const registry = registryOf(settings);
  return settings.model === '' ? registry.choose() : registry.find(settings.model);
}

/** Resolves when the engines are warm. Rejects with an error of the model, a device or the settings. */
export async function openRecognition(settings: Settings, context: RecognitionContext): Promise<Recognition> {
  const { loading, metrics, opened, onEngines, log, shared } = context;
  const { vad, model: first } = await loading.take();
  opened.add(vad);
  onEngines(first.engines);
  const thread = opened.add(new ThreadLoad());
  const recognizer = opened.add(
    new ServedRecognizer(first.recognizer, {
      vad,
      isFull: () => settings.finalsLateMsMax > 0 && (thread.isFull || shared?.isFull === true),
      isPaused: shared && (() => shared.isPaused),
      stretch: () => thread.stretch,
      onCloseFailed: (error) => log.error({ err: error }, 'a model that was replaced could not be closed'),
    }),
  );
  for (const tag of listOf(settings.languages)) {
    const refusal = refuseLanguage(tag, recognizer.model);
    if (refusal !== undefined) throw new StartError(`--languages: ${refusal.message}`);
  }
  registerRecognitionMetrics(metrics, recognizer);
  if (shared !== undefined) {
    // Memory is bounded where the engines are.
    const installed = async () => (await registryOf(settings).list()).models.map(({ name }) => name);
    return { vad, recognizer, models: fixedModel(shared, installed) };
  }
  const memory = opened.add(openMemoryBound(settings, recognizer));
  registerMemoryMetrics(metrics, memory);
  await warmUp(first);
  return { vad, recognizer, models: openSwap(settings, context, { recognizer, first, memory }) };
}

function openMemoryBound(settings: Settings, recognizer: ServedRecognizer): MemoryBound {
  return new MemoryBound({
    bytesMax: settings.memoryBytesMax || defaultMemoryBytes(),
    onShare: (share) => recognizer.limitRuns(share),
    onFull: () => {
      shrinkDecoders();
      void recognizer.shrink();
    },
  });
}

function openSwap(
  settings: Settings,
  { log, deaths, sessions, onEngines }: RecognitionContext,
  parts: { readonly recognizer: ServedRecognizer; readonly first: LoadedModel; readonly memory: MemoryBound },
): ModelSwap {
  const { recognizer, first, memory } = parts;
  const enginesOnCpu = parseDevices(settings.devices).some(({ kind }) => kind === 'cpu') ? settings.engines : 0;
  return new ModelSwap({
    served: recognizer,
    first,
    registry: registryOf(settings),
    load: async (installed) => {
      log.info({ model: installed.name }, 'another model is loaded');
      return warmUp(await loadModel(settings, installed, { log, deaths }));
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
}
