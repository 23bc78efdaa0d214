// A tokenizer for a file that has none, from the models of this machine: Whispers of one kind share their text tokens.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError } from '../../model-error.js';
import { isMultilingualVocabulary, specialNamesOfSize } from '../../tokenizer/tokenizer-file.js';
import type { TextVocabulary } from '../model-source.js';
import { readTextVocabulary, tokenizerOfVocabulary } from './text-vocabulary.js';

/** A model's folder, and the tokens of its network. */
export interface TokenizerFolder {
  readonly directory: string;
  readonly vocabularySize: number;
}

/** SHA-256 of OpenAI's text tokens, a line each: a model of the same size may have others, as made-up ones do. */
const OPENAI_VOCABULARIES: ReadonlySet<string> = new Set([
  'de2b51643840893f26b6113b24777bdac8c38a7d05ccb579eeec8da26df76749',
  '3a1f1c010d179f036be1992bc14b861e326341438633869c694dc4dccfe153d3',
]);

/**
 * The content of a tokenizer.json for `size` tokens. For OpenAI's sizes it is built of any model's that has OpenAI's
 * text
 * tokens; for others it is the one of a model with as many.
 * @throws ModelError `file_missing` saying what would help
 */
export async function findTokenizer(folders: readonly TokenizerFolder[], size: number, path: string): Promise<unknown> {
  const isOpenai = specialNamesOfSize(size) !== undefined;
  for (const { directory, vocabularySize } of folders) {
    if (!isOpenai && vocabularySize === size) {
      return JSON.parse(await readFile(join(directory, 'tokenizer.json'), 'utf8')) as unknown;
    }
    if (!isOpenai || specialNamesOfSize(vocabularySize) === undefined) continue;
    // A broken model in the list is not what is asked about.
    const vocabulary = await readTextVocabulary(directory).catch(() => undefined);
    const built = vocabulary && isOfOpenai(vocabulary) ? tokenizerOfVocabulary(vocabulary, size, path) : undefined;
    if (built) return built;
  }
  const like = isMultilingualVocabulary(size) ? 'openai/whisper-base' : 'openai/whisper-tiny.en';
  throw new ModelError(
    'file_missing',
    `${path} carries no tokenizer, and no installed model has one for its ${size} tokens. ` +
      `Add one that has (npx sotto models pull ${like}), ` +
      'or this model as a ggml or CTranslate2 file, which carry theirs',
  );
}

function isOfOpenai({ entries }: TextVocabulary): boolean {
  return OPENAI_VOCABULARIES.has(createHash('sha256').update(entries.join('\n')).digest('hex'));
}
