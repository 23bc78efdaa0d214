// Which polish model a setting means: a path, a folder among the installed models, or what was pulled from a hub.
import { existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { hubSettings, modelsFolder, pullModel } from '@sotto/models';
import { PolishModelError, readPolishModel, type PolishModel } from './llama/polish-model.js';

/** `owner/name`, and perhaps the quantisation. */
const HUB_NAME = /^[\w.-]+\/[\w.-]+(?::[\w.-]+)?$/;

/** The model of a name or path. Nothing is fetched. Rejects with {@link PolishModelError}. */
export async function findPolishModel(name: string, folder: string): Promise<PolishModel> {
  if (isAbsolute(name) || existsSync(name)) return readPolishModel(name);
  const installed = join(folder === '' ? modelsFolder() : folder, name);
  if (existsSync(installed)) return readPolishModel(installed);
  if (HUB_NAME.test(name)) {
    try {
      const { kind, main } = await pullModel(name, { settings: { ...hubSettings(), isOffline: true } });
      if (kind === 'gguf') return { ...(await readPolishModel(main)), name };
    } catch (cause) {
      throw new PolishModelError(`${name} is not here: npx sotto models pull ${name}`, { cause });
    }
  }
  throw new PolishModelError(`${name} is neither a GGUF file nor an installed polish model`);
}
