// The models of this machine: the embedded one, and what is installed in the models folder.
import { mkdir, readdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { convertWhisper, sourceKind } from '../convert/index.js';
import { ModelError } from '../model-error.js';
import { MODEL_NAME, type ModelManifest, readManifest, writeManifest } from './manifest.js';
import { inspectModel, type ModelFiles, validateModel } from './model-files.js';

/** The model that comes with Sotto. */
export const EMBEDDED_MODEL = 'whisper-base-adapted';
const EMBEDDED_FOLDER = fileURLToPath(new URL(`../../${EMBEDDED_MODEL}`, import.meta.url));

/** The polishing model that comes with Sotto. */
export const EMBEDDED_POLISH_FOLDER = fileURLToPath(new URL('../../demo-polish', import.meta.url));

/** A model that can be loaded. */
export interface InstalledModel {
  readonly name: string;
  /** Folder of the Hugging Face files. */
  readonly directory: string;
  /** Folder of its sotto.json. */
  readonly home: string;
  readonly manifest: ModelManifest;
  readonly files: ModelFiles;
  readonly isEmbedded: boolean;
}

/** A folder in the models folder that cannot be loaded, and why. */
export interface BrokenModel {
  readonly name: string;
  readonly error: ModelError;
}

export interface AddOptions {
  /** Default: the folder's name. */
  readonly name?: string;
  /** Whether it serves when no model is named, in place of the one that did. */
  readonly default?: boolean;
  /** How far a conversion is, bytes of weights; a folder in Hugging Face's layout needs none. */
  readonly onProgress?: (written: number, total: number) => void;
}

/**
 * Where models are installed: `SOTTO_MODELS`, else sotto/models in the user's data folder (XDG Base Directory
 * Specification).
 */
export function modelsFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['SOTTO_MODELS']) return resolve(env['SOTTO_MODELS']);
  return join(env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'sotto', 'models');
}

/**
 * Reads and changes the models folder. Keeps nothing in memory: what another process installs is seen by the next call.
 */
export class ModelRegistry {
  readonly folder: string;
  readonly #embedded: string;

  constructor(folder: string = modelsFolder(), embedded: string = EMBEDDED_FOLDER) {
    this.folder = folder;
    this.#embedded = embedded;
  }

  /** All models, the embedded one last. */
  async list(): Promise<{ models: InstalledModel[]; broken: BrokenModel[] }> {
    const entries = await readdir(this.folder, { withFileTypes: true }).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return [];
      throw new ModelError('file_missing', `${this.folder} cannot be read`, { cause });
    });
    const models: InstalledModel[] = [];
    const broken: BrokenModel[] = [];
    const names = entries
      .filter((entry) => !entry.isFile() && MODEL_NAME.test(entry.name) && entry.name !== EMBEDDED_MODEL)
      .map(({ name }) => name);
    const homes = names.sort().map((name) => ({ name, home: join(this.folder, name), isEmbedded: false }));
    const embedded = { name: EMBEDDED_MODEL, home: this.#embedded, isEmbedded: true };
    for (const { name, home, isEmbedded } of [...homes, embedded]) {
      try {
        models.push(await readInstalled(name, home, isEmbedded));
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
        broken.push({ name, error });
      }
    }
    return { models, broken };
  }

  /** @throws ModelError `model_unknown` naming the models that there are, or what is wrong with its files */
  async find(name: string): Promise<InstalledModel> {
    const { models, broken } = await this.list();
    const model = models.find((candidate) => candidate.name === name);
    if (model) return model;
    const cause = broken.find((candidate) => candidate.name === name)?.error;
    if (cause) throw cause;
    throw new ModelError(
      'model_unknown',
      `No model "${name}": there are ${models.map((known) => known.name).join(', ') || 'none'}`,
    );
  }

  /**
   * The model that serves when none is named: the one marked as default, else the largest installed, else the embedded
   * one.
   */
  async choose(): Promise<InstalledModel> {
    const { models } = await this.list();
    const [best] = models.sort(
      (a, b) =>
        Number(b.manifest.default) - Number(a.manifest.default) ||
        Number(a.isEmbedded) - Number(b.isEmbedded) ||
        b.files.weightBytes - a.files.weightBytes,
    );
    if (!best) throw new ModelError('model_unknown', `There is no model in ${this.folder}: npx sotto models add DIR`);
    return best;
  }

  /**
   * Installs a model. A folder of Hugging Face files is used where it is: its path is recorded, a sotto.json in it is
   * taken over. A model of another format is converted into the models folder.
   * @throws ModelError `file_missing`, `file_invalid`, `unsupported`, `unsafe_file`, or `name_taken`
   */
  async add(path: string, options: AddOptions = {}): Promise<InstalledModel> {
    const target = await realpath(path).catch((cause: unknown) => {
      throw new ModelError('file_missing', `${path} is not there`, { cause });
    });
    const kind = await sourceKind(target);
    const name = options.name ?? (kind === 'huggingFace' ? basename(target) : nameOfSource(target));
    await this.#refuseName(name);
    const home = join(this.folder, name);
    if (kind === 'huggingFace') {
      const { default: _, ...manifest } = await readManifest(target);
      await validateModel(target);
      await mkdir(home, { recursive: true });
      await writeManifest(home, { ...manifest, directory: target, default: false });
    } else {
      await mkdir(this.folder, { recursive: true });
      await convertWhisper(kind, target, home, {
        tokenizers: await this.#tokenizers(),
        onProgress: options.onProgress,
      });
    }
    if (options.default) await this.#makeDefault(name);
    return this.find(name);
  }

  /**
   * Installs a pulled snapshot. Where an older snapshot of the same repository has the name, it is replaced; what was
   * measured of other files is not kept.
   * @throws ModelError as {@link add} does
   */
  async addPulled(directory: string, options: AddOptions & { readonly name: string }): Promise<InstalledModel> {
    const home = join(this.folder, options.name);
    const known = await readManifest(home).catch(() => undefined);
    if (known?.directory === undefined || dirname(known.directory) !== dirname(directory)) {
      return this.add(directory, options);
    }
    await validateModel(directory);
    const manifest = known.directory === directory ? known : await readManifest(directory);
    await writeManifest(home, { ...manifest, directory, default: known.default });
    if (options.default) await this.#makeDefault(options.name);
    return this.find(options.name);
  }

  async #refuseName(name: string): Promise<void> {
    if (!MODEL_NAME.test(name)) {
      throw new ModelError(
        'file_invalid',
        `"${name}" is not a valid name for a model: letters, digits, ".", "_" and "-" only; give one with --name`,
      );
    }
    const isTaken = await readdir(join(this.folder, name)).then(
      () => true,
      () => false,
    );
    if (name === EMBEDDED_MODEL || isTaken) {
      throw new ModelError('name_taken', `A model "${name}" is installed already; choose another name with --name`);
    }
  }

  /** Where a tokenizer may be found for a file that has none. */
  async #tokenizers(): Promise<{ directory: string; vocabularySize: number }[]> {
    const { models } = await this.list();
    return models.map(({ directory, files }) => ({ directory, vocabularySize: files.config.vocabularySize }));
  }

  /** Marks an installed model as the one that serves when none is named. */
  async #makeDefault(name: string): Promise<void> {
    const { models } = await this.list();
    for (const model of models.filter(({ isEmbedded }) => !isEmbedded)) {
      const wanted = model.name === name;
      if (model.manifest.default !== wanted) await writeManifest(model.home, { ...model.manifest, default: wanted });
    }
  }
}

/** Of a file or folder of another format: `whisper-base.pt` is whisper-base. */
function nameOfSource(path: string): string {
  return basename(path).replace(/\.(pt|bin)$/i, '');
}

async function readInstalled(name: string, home: string, isEmbedded: boolean): Promise<InstalledModel> {
  const manifest = await readManifest(home);
  const directory = resolve(home, manifest.directory ?? '.');
  return { name, directory, home, manifest, files: await inspectModel(directory), isEmbedded };
}
