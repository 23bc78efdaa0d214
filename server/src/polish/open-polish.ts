// Makes the polish of a server from its settings.
import { messageOf, type PolishFallback } from '@sotto/protocol';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { EMBEDDED_POLISH_FOLDER } from '@sotto/models';
import type { Logger } from 'pino';
import type { MetricsRegistry } from '../metrics/metrics-registry.js';
import { createPolishMetrics } from '../metrics/polish-metrics.js';
import { ENDPOINT_DEFAULTS, EndpointPolisher } from './endpoint/endpoint-polisher.js';
import { findPolishModel } from './find-polish-model.js';
import { HostedPolisher } from './llama/host/hosted-polisher.js';
import { LlamaPolisher } from './llama/llama-polisher.js';
import { PolishService } from './polish-service.js';
import type { Polisher } from './polisher.js';
import { RulesPolisher } from './rules/rules-polisher.js';
import { UnavailablePolisher } from './unavailable-polisher.js';

/** Texts at the same time for a GGUF model: each takes memory of its own. */
const LLAMA_CONCURRENCY = 4;

/** What comes for every text while a model is away or busy is counted, and told of the model once. */
const LEVELS: Partial<Record<PolishFallback, 'debug'>> = { unavailable: 'debug', overloaded: 'debug' };

/** What the operator decides about polish, and where models are. */
export interface PolishConfig {
  readonly polish: 'auto' | 'rules' | 'off';
  readonly polishModel: string;
  readonly polishUrl: string;
  readonly polishKey: string;
  readonly polishBestModel: string;
  readonly polishBestUrl: string;
  readonly polishWaitingMax: number;
  /** 0: what suits the model. */
  readonly polishConcurrency: number;
  readonly polishGpuLayers: number;
  /** 0: half of the cores. */
  readonly polishThreads: number;
  /** Folder of models; empty: the user's. */
  readonly models: string;
  readonly engineHost: 'process' | 'inline';
}

/** Where one of the two models is. */
interface Source {
  readonly model: string;
  /** Of the endpoint that has it; empty: it is here. */
  readonly url: string;
}

/**
 * The polish that the settings name; undefined: none. A model that cannot be had does not keep a server from starting:
 * it counts as unavailable, and the log says why. A model that is named is loaded at once, in the background; the
 * embedded one when the first client asks for polish.
 */
export async function openPolish(
  settings: PolishConfig,
  log: Logger,
  registry: MetricsRegistry,
): Promise<PolishService | undefined> {
  if (settings.polish === 'off') return undefined;
  const { polishModel, polishUrl, polishBestModel, polishBestUrl } = settings;
  const isNamed = settings.polish === 'auto' && (polishModel !== '' || polishUrl !== '');
  const fast = isNamed
    ? await openModel({ model: polishModel, url: polishUrl }, settings, log)
    : await openDefault(settings, log);
  const best =
    settings.polish === 'auto' && polishBestModel !== ''
      ? await openModel(
          { model: polishBestModel, url: polishBestUrl === '' ? polishUrl : polishBestUrl },
          settings,
          log,
        )
      : undefined;
  const metrics = createPolishMetrics(registry, () => service.waiting);
  const service = new PolishService({
    fast,
    best,
    waitingMax: settings.polishWaitingMax,
    onResult: (result, latencyMs) => metrics.observe(result, latencyMs),
    onFailure: ({ sessionId, ...facts }) =>
      log[LEVELS[facts.code] ?? 'warn']({ session: sessionId, ...facts }, 'polish failed'),
  });
  if (isNamed || best !== undefined) service.prepare();
  return service;
}

/** What polishes where nothing is named. */
async function openDefault(settings: PolishConfig, log: Logger): Promise<Polisher> {
  if (settings.polish === 'rules' || !existsSync(EMBEDDED_POLISH_FOLDER)) return new RulesPolisher();
  return openModel({ model: EMBEDDED_POLISH_FOLDER, url: '' }, settings, log);
}

async function openModel({ model, url }: Source, settings: PolishConfig, log: Logger): Promise<Polisher> {
  try {
    return url === '' ? await openLocal(model, settings, log) : openEndpoint({ model, url }, settings, log);
  } catch (error) {
    const reason = messageOf(error);
    log.error({ model, reason }, 'no polish by this model');
    return new UnavailablePolisher(basename(model) || url, reason);
  }
}

function openEndpoint({ model, url }: Source, settings: PolishConfig, log: Logger): Polisher {
  if (model === '') throw new TypeError(`${url} needs the name of a model: --polish-model`);
  return new EndpointPolisher({
    url,
    model,
    key: settings.polishKey,
    concurrency: settings.polishConcurrency || ENDPOINT_DEFAULTS.concurrency,
    onEvent: ({ type, ...facts }) =>
      log[type === 'down' ? 'warn' : 'info']({ model, ...facts }, `polish endpoint ${type}`),
  });
}

async function openLocal(name: string, settings: PolishConfig, log: Logger): Promise<Polisher> {
  const model = await findPolishModel(name, settings.models);
  const options = {
    gpuLayers: settings.polishGpuLayers,
    threads: settings.polishThreads || Math.max(1, Math.floor(availableParallelism() / 2)),
    sequences: settings.polishConcurrency || LLAMA_CONCURRENCY,
  };
  if (settings.engineHost === 'inline') return new LlamaPolisher(model, options);
  return new HostedPolisher(model, options, {
    onEvent: ({ type, ...facts }) =>
      log[type === 'loaded' ? 'info' : 'error']({ model: model.name, ...facts }, `polish model ${type}`),
  });
}
