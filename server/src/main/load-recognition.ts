// Loads what recognises: the voice activity detector, and a model with an engine on every device.
import type { InstalledModel } from '@sotto/models';
import type { Logger } from 'pino';
import { openEngine } from '../asr/engine-host/open-engine.js';
import { scriptedEngineSpec } from '../asr/engine-host/scripted-engine-spec.js';
import type { EngineModel } from '../asr/engine.js';
import { MarkedEngine } from '../asr/marked-engine.js';
import type { LoadedModel } from '../asr/model-swap.js';
import { NullEngine } from '../asr/null-engine.js';
import { openDeviceEngines, type OpenedEngine } from '../asr/open-device-engines.js';
import type { RecognizerOptions } from '../asr/recognizer-options.js';
import { StreamingRecognizer } from '../asr/streaming-recognizer.js';
import { loadTokenizer } from '../asr/tokenizer.js';
import { listOf } from '../config/list-of.js';
import type { Settings } from '../config/settings.js';
import type { Counter } from '../metrics/metrics-registry.js';
import { NullVad } from '../vad/null-vad.js';
import { SileroVad } from '../vad/silero-vad.js';
import type { VoiceActivityDetector } from '../vad/vad.js';
import type { SharedServer } from './shared-server.js';

/** Whose engines are this process's own, or another one's. */
export interface StartContext extends LoadContext {
  /** The scheduler before the engines that it shares with others. Absent: it loads its own. */
  readonly shared?: Pick<SharedServer, 'scheduler'> | undefined;
}

export interface LoadContext {
  readonly log: Logger;
  readonly deaths: Counter;
  /** Engines in processes of their own are given up at once, where they still load. */
  readonly signal?: AbortSignal;
}

/** What recognises while it loads, beside all else that the server opens: it takes longer than that together. */
export class RecognitionStart {
  readonly #abort = new AbortController();
  readonly #vad: Promise<VoiceActivityDetector>;
  readonly #model: Promise<LoadedModel>;
  #isTaken = false;

  constructor(settings: Settings, model: InstalledModel, { shared, ...context }: StartContext) {
    // The model first: it takes longest.
    this.#model =
      shared === undefined
        ? loadModel(settings, model, { ...context, signal: this.#abort.signal })
        : joinModel(settings, model, shared, this.#abort.signal);
    this.#vad = settings.vad === 'null' ? Promise.resolve(new NullVad()) : SileroVad.load({ runs: settings.vadRuns });
    // Whoever takes them learns why they did not load.
    for (const part of [this.#model, this.#vad]) part.catch(() => undefined);
  }

  /** Resolves when both are loaded: they are closed by whoever has taken them. Rejects as soon as one does not load. */
  async take(): Promise<{ vad: VoiceActivityDetector; model: LoadedModel }> {
    const [vad, model] = await Promise.all([this.#vad, this.#model]);
    this.#isTaken = true;
    return { vad, model };
  }

  /** Nobody waits for what still loads, nor for what the other part of it has come to. */
  async close(): Promise<void> {
    if (this.#isTaken) return;
    this.#abort.abort();
    const [vad, model] = await Promise.allSettled([this.#vad, this.#model]);
    if (vad.status === 'fulfilled') await vad.value.close();
    if (model.status === 'fulfilled') await model.value.recognizer.close();
  }
}

/** Rejects with an error of the model, a device or the settings, and holds nothing then. */
export async function loadModel(settings: Settings, model: InstalledModel, context: LoadContext): Promise<LoadedModel> {
  const tokenizer = loadTokenizer(model.directory);
  tokenizer.catch(() => undefined);
  const engines = await openEngines(settings, model, context);
  const bare = engines.map(({ engine }) => engine);
  try {
    const recognizer = new StreamingRecognizer(bare, await tokenizer, optionsOf(settings, model, bare[0]?.model));
    return { installed: model, engines, recognizer };
  } catch (error) {
    await Promise.all(bare.map((engine) => engine.close()));
    throw error;
  }
}

/** A model whose engines are another process's. */
async function joinModel(
  settings: Settings,
  model: InstalledModel,
  shared: Pick<SharedServer, 'scheduler'>,
  signal: AbortSignal,
): Promise<LoadedModel> {
  const [tokenizer, scheduler] = await Promise.all([loadTokenizer(model.directory), shared.scheduler(signal)]);
  const recognizer = new StreamingRecognizer([], tokenizer, optionsOf(settings, model, scheduler.model), scheduler);
  return { installed: model, engines: [], recognizer };
}

function optionsOf(settings: Settings, { files }: InstalledModel, model: EngineModel | undefined): RecognizerOptions {
  const identity = [model?.name, files.weightBytes].join(':');
  return { ...settings, languages: listOf(settings.languages), identity };
}

/** Closes the model where that fails. */
export async function warmUp(model: LoadedModel): Promise<LoadedModel> {
  try {
    await Promise.all(model.engines.map(({ engine }) => engine.warmUp()));
    return model;
  } catch (error) {
    await model.recognizer.close();
    throw error;
  }
}

/** Rejects with an error of a device or the settings, and holds nothing then. */
export async function openEngines(
  settings: Settings,
  model: InstalledModel,
  { log, deaths, signal }: LoadContext,
): Promise<OpenedEngine[]> {
  if (settings.engine === 'null') return [{ device: 'cpu', engine: new NullEngine(model.directory) }];
  if (settings.engine === 'marked') return [{ device: 'cpu', engine: await MarkedEngine.open(model.directory) }];
  if (settings.engine === 'scripted') {
    return [{ device: 'cpu', engine: await openEngine(scriptedEngineSpec(model), settings.engineHost) }];
  }
  return openDeviceEngines(model, {
    ...settings,
    isolation: settings.engineHost,
    ...(signal && { signal }),
    onEvent: (engine, { type, ...facts }) => {
      if (type === 'died') deaths.add();
      log[type === 'died' ? 'warn' : 'info']({ engine, ...facts }, `engine ${type}`);
    },
  });
}
