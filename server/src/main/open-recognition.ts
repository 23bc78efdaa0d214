// Opens what recognises, once it is loaded: the recognizer and the bound of memory; and lets another model take over.
import { ModelRegistry } from '@sotto/models';
import type { Logger } from 'pino';
import { parseDevices } from '../asr/devices.js';
import { defaultMemoryBytes, MemoryBound } from '../asr/memory-bound.js';
import { refuseLanguage } from '../asr/model-languages.js';
import { ModelSwap } from '../asr/model-swap.js';
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
  const { loading, deaths, metrics, opened, onEngines, log, sessions } = context;
  const { vad, model: first } = await loading.take();
  opened.add(vad);
  onEngines(first.engines);
  const thread = opened.add(new ThreadLoad());
  const recognizer = opened.add(
    new ServedRecognizer(first.recognizer, {
      vad,
      isFull: () => settings.finalsLateMsMax > 0 && thread.isFull,
      stretch: () => thread.stretch,
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
  return { vad, recognizer, swap };
}
