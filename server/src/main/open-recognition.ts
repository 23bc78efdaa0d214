// Opens what recognises: the voice activity detector, an engine on every device, the recognizer, and the bound of
// memory.
import type { InstalledModel } from '@sotto/models';
import type { Logger } from 'pino';
import { defaultMemoryBytes, MemoryBound } from '../asr/memory-bound.js';
import { refuseLanguage } from '../asr/model-languages.js';
import { MarkedEngine } from '../asr/marked-engine.js';
import { NullEngine } from '../asr/null-engine.js';
import { openDeviceEngines, type OpenedEngine } from '../asr/open-device-engines.js';
import { createRecognizer } from '../asr/streaming-recognizer.js';
import { shrinkDecoders } from '../audio/decoder/decode-in-process.js';
import { listOf } from '../config/list-of.js';
import type { Settings } from '../config/settings.js';
import type { MetricsRegistry } from '../metrics/metrics-registry.js';
import {
  createEngineDeaths,
  registerMemoryMetrics,
  registerRecognitionMetrics,
} from '../metrics/recognition-metrics.js';
import { NullVad } from '../vad/null-vad.js';
import { SileroVad } from '../vad/silero-vad.js';
import type { OpenedParts } from './opened-parts.js';
import { StartError } from './start-error.js';

export interface RecognitionContext {
  readonly model: InstalledModel;
  readonly log: Logger;
  readonly metrics: MetricsRegistry;
  readonly opened: OpenedParts;
  /** Called when the engines are loaded, before they are warm. */
  readonly onEngines: (engines: readonly OpenedEngine[]) => void;
}

/** Resolves when the engines are warm. Rejects with an error of the model, a device or the settings. */
export async function openRecognition(settings: Settings, context: RecognitionContext) {
  const { metrics, opened, onEngines } = context;
  const vad = opened.add(settings.vad === 'null' ? new NullVad() : await SileroVad.load({ runs: settings.vadRuns }));
  const onDevices = await openEngines(settings, context);
  onEngines(onDevices);
  const engines = onDevices.map(({ engine }) => opened.add(engine));
  const languages = listOf(settings.languages);
  const recognizer = opened.add(await createRecognizer(engines, { ...settings, languages }));
  for (const tag of languages) {
    const refusal = refuseLanguage(tag, recognizer.model);
    if (refusal !== undefined) throw new StartError(`--languages: ${refusal.message}`);
  }
  registerRecognitionMetrics(metrics, recognizer);
  const memory = new MemoryBound({
    bytesMax: settings.memoryBytesMax || defaultMemoryBytes(),
    onShare: (share) => recognizer.limitRuns(share),
    // Where one fails, its next run tells why.
    onFull: () => {
      shrinkDecoders();
      void Promise.allSettled(engines.map((engine) => engine.shrink?.()));
    },
  });
  opened.add(memory);
  registerMemoryMetrics(metrics, memory);
  await Promise.all(engines.map((engine) => engine.warmUp()));
  return { vad, recognizer };
}

async function openEngines(settings: Settings, context: RecognitionContext): Promise<OpenedEngine[]> {
  const { model, log, metrics } = context;
  const deaths = createEngineDeaths(metrics);
  if (settings.engine === 'null') return [{ device: 'cpu', engine: new NullEngine(model.directory) }];
  if (settings.engine === 'marked') return [{ device: 'cpu', engine: await MarkedEngine.open(model.directory) }];
  return openDeviceEngines(model, {
    ...settings,
    isolation: settings.engineHost,
    onEvent: (engine, { type, ...facts }) => {
      if (type === 'died') deaths.add();
      log[type === 'died' ? 'warn' : 'info']({ engine, ...facts }, `engine ${type}`);
    },
  });
}
