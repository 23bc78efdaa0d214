// Another format's Whisper, written once as a folder in Hugging Face's layout.
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ModelError } from '../model-error.js';
import { writeJson, writeModelFolder } from '../model-folder/write-model-folder.js';
import { writeSafetensors, type WriteProgress } from '../model-folder/write-safetensors.js';
import { WhisperTokenizer } from '../tokenizer/index.js';
import { openCtranslate2 } from './ctranslate2/source.js';
import { folderFiles } from './folder-files.js';
import { openGgml } from './ggml/source.js';
import type { ModelSource } from './model-source.js';
import { openCheckpoint } from './openai-checkpoint/source.js';
import type { SourceKind } from './source-kind.js';
import { findTokenizer, type TokenizerFolder } from './vocabulary/find-tokenizer.js';
import { tokenizerOfVocabulary } from './vocabulary/text-vocabulary.js';
import { UNTIED_VOCABULARY, wholeWhisper } from './whisper-tensors.js';

export interface ConvertOptions {
  /** Models whose tokenizer serves where the file has none. */
  readonly tokenizers: readonly TokenizerFolder[];
  readonly onProgress?: WriteProgress | undefined;
}

const OPEN = { ctranslate2: openCtranslate2, openai: openCheckpoint, ggml: openGgml } as const;

/**
 * Writes `directory`: all of it, or nothing. Weights keep their type; eight bits and less become halves.
 * @throws ModelError `file_missing`, `file_invalid`, `unsupported` or `unsafe_file` for the source, `name_taken` for
 * the target
 */
export async function convertWhisper(
  kind: Exclude<SourceKind, 'huggingFace'>,
  path: string,
  directory: string,
  { tokenizers, onProgress }: ConvertOptions,
): Promise<void> {
  const source = await OPEN[kind](path);
  try {
    const tensors = wholeWhisper(source);
    const content = await tokenizerOf(source, tokenizers);
    const tokenizer = new WhisperTokenizer(content, source.path);
    checkVocabulary(tokenizer, source);
    const isTied = !source.tensors.has(UNTIED_VOCABULARY);
    const files = folderFiles(source.dimensions, source.rules, tokenizer, isTied);
    await writeModelFolder(directory, async (draft) => {
      await writeJson(draft, 'config.json', files.config);
      await writeJson(draft, 'generation_config.json', files.generation);
      await writeJson(draft, 'preprocessor_config.json', files.preprocessor);
      await writeFile(join(draft, 'tokenizer.json'), JSON.stringify(content));
      const provenance = { source: `converted from ${source.format}: ${basename(path)}` };
      await writeJson(draft, 'sotto.json', { provenance });
      const named = tensors.map(([name, tensor]) => ({ name: fullName(name), ...tensor }));
      await writeSafetensors(join(draft, 'model.safetensors'), named, onProgress);
    });
  } finally {
    await source.close();
  }
}

async function tokenizerOf(source: ModelSource, tokenizers: readonly TokenizerFolder[]): Promise<unknown> {
  const { path, dimensions, tokenizer, vocabulary } = source;
  if (tokenizer !== undefined) return tokenizer;
  if (vocabulary) return tokenizerOfVocabulary(vocabulary, dimensions.vocabulary, path);
  return findTokenizer(tokenizers, dimensions.vocabulary, path);
}

/** A tokenizer of another model would name tokens that the network does not have. */
function checkVocabulary({ special }: WhisperTokenizer, { path, dimensions }: ModelSource): void {
  const last = Math.max(special.noTimestamps, special.firstTimestamp ?? 0, ...special.languages.values());
  if (last >= dimensions.vocabulary) {
    throw new ModelError(
      'file_invalid',
      `${path} has ${dimensions.vocabulary} tokens, and the tokenizer beside it more: they belong to different models`,
    );
  }
}

/** As WhisperForConditionalGeneration saves it. */
function fullName(name: string): string {
  return name === UNTIED_VOCABULARY ? name : `model.${name}`;
}
