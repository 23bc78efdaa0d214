// Which kind of Whisper a path is: a folder in Hugging Face's layout, or something that must be converted first.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '../model-error.js';
import { GGML_MAGIC } from './ggml/source.js';
import { SourceFile } from './source-file.js';

/** `huggingFace` is used where it is; the others are converted. */
export type SourceKind = 'huggingFace' | 'ctranslate2' | 'openai' | 'ggml';

/**
 * Looks at names and first bytes.
 * @throws ModelError `file_missing` where there is nothing, `unsupported` for a file of another kind, saying what it
 * seems to be
 */
export async function sourceKind(path: string): Promise<SourceKind> {
  const facts = await stat(path).catch((cause: unknown) => {
    throw new ModelError('file_missing', `${path} is not there`, { cause });
  });
  if (!facts.isDirectory()) return fileKind(path);
  const has = (name: string): Promise<boolean> =>
    stat(join(path, name)).then(
      (entry) => entry.isFile(),
      () => false,
    );
  const isHuggingFace = (await has('model.safetensors')) || (await has('model.safetensors.index.json'));
  return !isHuggingFace && (await has('model.bin')) ? 'ctranslate2' : 'huggingFace';
}

async function fileKind(path: string): Promise<SourceKind> {
  const file = await SourceFile.open(path);
  try {
    const head = await file.read(0, Math.min(4, file.size));
    const magic = head.length < 4 ? 0 : head.readUInt32LE();
    if (magic === GGML_MAGIC) return 'ggml';
    const text = head.toString('latin1');
    if (text === 'PK\u0003\u0004') return 'openai';
    throw new ModelError('unsupported', `${path} ${guess(text)}. ${TAKEN}`);
  } finally {
    await file.close();
  }
}

const TAKEN =
  'These are taken: a folder in Hugging Face layout, a CTranslate2 folder (faster-whisper), ' +
  'a .pt file of OpenAI, a ggml file of whisper.cpp';

function guess(head: string): string {
  if (head === 'GGUF') return 'is a GGUF file: whisper.cpp reads ggml files, and language models go to --polish-model';
  if (head.startsWith('\x80')) return 'is a checkpoint of PyTorch before 1.6: load it there and save it again';
  return 'is not a model that is known here';
}
