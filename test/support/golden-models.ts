// The models that have golden files: the tiny one always, the embedded one once it is trained.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { fixturesFolder, tinyWhisperFolder } from './fixtures.js';

const demo = fileURLToPath(new URL('../../models/demo-en', import.meta.url));

export const goldenModels = [
  { name: 'tiny-whisper', directory: tinyWhisperFolder },
  { name: 'demo-en', directory: demo },
].map((model) => ({ ...model, skip: whyWithout(model.name, model.directory) }));

function whyWithout(name: string, directory: string): string | false {
  if (!existsSync(join(directory, 'model.safetensors'))) return `no weights in ${directory}`;
  return existsSync(join(fixturesFolder, `golden/${name}.json`)) ? false : `no golden file of ${name}`;
}
