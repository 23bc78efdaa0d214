// Puts a running server onto another model: it is loaded beside the one that serves, which stays where anything about
// the new one is wrong.
import { CodedError, messageOf } from '@sotto/protocol';
import { ModelError, type InstalledModel, type ModelRegistry } from '@sotto/models';
import type { EngineModel } from './engine.js';
import type { OpenedEngine } from './open-device-engines.js';
import type { ServedRecognizer } from './served-recognizer.js';
import type { StreamingRecognizer } from './streaming-recognizer.js';

/** A model with its engines, warm. */
export interface LoadedModel {
  readonly installed: InstalledModel;
  readonly engines: readonly OpenedEngine[];
  /** Owns the engines. */
  readonly recognizer: StreamingRecognizer;
}

/**
 * Codes of {@link SwapError}; whatever it is, the model that served serves on:
 * - `swap_under_way`: another model is being loaded.
 * - `model_unknown`: no model of that name is installed.
 * - `model_too_large`: it does not fit into memory beside the one that serves.
 * - `model_not_loaded`: its files are wrong, or it does not run here.
 * - `swap_unavailable`: this server keeps the model that it was started with.
 * - `model_knows_less`: it lacks a language, or hears shorter utterances, than live sessions were promised.
 */
export type SwapErrorCode =
  | 'swap_under_way'
  | 'model_unknown'
  | 'model_too_large'
  | 'model_not_loaded'
  | 'swap_unavailable'
  | 'model_knows_less';

export class SwapError extends CodedError<SwapErrorCode> {
  override readonly name = 'SwapError';
}

/** Which model serves, and which could. */
export interface ModelChoice {
  /** What serves now. */
  readonly current: Pick<LoadedModel, 'installed'>;
  readonly state: SwapState;
  /** Names of the models that there are. */
  installed(): Promise<string[]>;
  /** Loads a model and lets it serve. Rejects with {@link SwapError}. */
  to(name: string): Promise<void>;
}

export interface ModelSwapOptions {
  readonly served: ServedRecognizer;
  /** What serves at the beginning. */
  readonly first: LoadedModel;
  readonly registry: Pick<ModelRegistry, 'list' | 'find'>;
  /** Loads a model and warms it up; rejects where that fails, and holds nothing then. */
  readonly load: (model: InstalledModel) => Promise<LoadedModel>;
  /** Memory that the server may still take, bytes. */
  readonly roomBytes: () => number;
  /** Memory that a model takes beside the one that serves, bytes. */
  readonly bytesOf: (model: InstalledModel) => number;
  /** Live sessions: they were told what the model knows. */
  readonly sessions: () => number;
  /** Another model serves now. */
  readonly onSwapped?: (model: LoadedModel) => void;
}

/** How it stands. */
export interface SwapState {
  /** The model that is being loaded; null: none. */
  readonly loading: string | null;
  /** Models that were replaced and still end what they had begun. */
  readonly leaving: number;
  /** Why the last swap came to nothing; null: it did not, or there was none. */
  readonly failed: { readonly model: string; readonly code: SwapErrorCode; readonly message: string } | null;
}

export class ModelSwap implements ModelChoice {
  readonly #options: ModelSwapOptions;
  #current: LoadedModel;
  #loading: string | null = null;
  #failed: SwapState['failed'] = null;

  constructor(options: ModelSwapOptions) {
    this.#options = options;
    this.#current = options.first;
  }

  get current(): LoadedModel {
    return this.#current;
  }

  get state(): SwapState {
    return { loading: this.#loading, leaving: this.#options.served.leaving, failed: this.#failed };
  }

  async installed(): Promise<string[]> {
    const { models } = await this.#options.registry.list();
    return models.map(({ name }) => name);
  }

  async to(name: string): Promise<void> {
    if (this.#loading !== null) {
      throw new SwapError('swap_under_way', `${this.#loading} is being loaded: try again when that is over.`);
    }
    this.#loading = name;
    try {
      await this.#swap(name);
      this.#failed = null;
    } catch (error) {
      const known = error instanceof SwapError ? error : notLoaded(name, error);
      this.#failed = { model: name, code: known.code, message: known.message };
      throw known;
    } finally {
      this.#loading = null;
    }
  }

  async #swap(name: string): Promise<void> {
    const { served, registry, load } = this.#options;
    const installed = await registry.find(name).catch((cause: unknown) => {
      const isUnknown = cause instanceof ModelError && cause.code === 'model_unknown';
      throw isUnknown ? new SwapError('model_unknown', `${cause.message}.`, { cause }) : cause;
    });
    this.#checkRoom(installed);
    const next = await load(installed);
    try {
      this.#checkPromises(next.recognizer.model);
      served.replaceBy(next.recognizer);
    } catch (error) {
      await next.recognizer.close();
      throw error;
    }
    this.#current = next;
    this.#options.onSwapped?.(next);
  }

  #checkRoom(model: InstalledModel): void {
    const [wanted, room] = [this.#options.bytesOf(model), this.#options.roomBytes()];
    if (wanted <= room) return;
    throw new SwapError(
      'model_too_large',
      `${model.name} takes about ${megabytes(wanted)} beside the model that serves, and ${megabytes(room)} are left ` +
        'of --memory-bytes-max: raise it, or start the server with the new model.',
    );
  }

  /** Sessions that are live may still ask for all that their `ready` said. */
  #checkPromises({ name, languages, buckets }: EngineModel): void {
    if (this.#options.sessions() === 0) return;
    const before = this.#options.served.engineModel;
    const missing = before.languages.filter((language) => !languages.includes(language));
    const isShorter = (buckets.at(-1) ?? 0) < (before.buckets.at(-1) ?? 0);
    if (missing.length === 0 && !isShorter) return;
    const lack = isShorter ? 'hears shorter utterances' : `does not know ${missing.slice(0, 10).join(', ')}`;
    throw new SwapError(
      'model_knows_less',
      `${name} ${lack}, which live sessions were promised: swap when nobody is live.`,
    );
  }
}

function notLoaded(name: string, cause: unknown): SwapError {
  return new SwapError('model_not_loaded', `${name} does not load, the former model serves on: ${messageOf(cause)}`, {
    cause,
  });
}

function megabytes(bytes: number): string {
  return `${Math.max(0, Math.round(bytes / 1e6))} MB`;
}
