// The text tokens of a Whisper, from the files that carry them.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ModelError } from '../../model-error.js';
import { parseJson } from '../../parse-json.js';
import { entryOfBytes } from '../../tokenizer/byte-level.js';
import { specialNamesOfSize, tokenizerFile } from '../../tokenizer/tokenizer-file.js';
import type { TextVocabulary } from '../model-source.js';
import { mergesOf } from './merges.js';

const merge = v.union([
  v.tuple([v.string(), v.string()]),
  // The older spelling; entries hold no space.
  v.pipe(
    v.string(),
    v.regex(/^[^ ]+ [^ ]+$/),
    v.transform((text): [string, string] => {
      const [left = '', right = ''] = text.split(' ');
      return [left, right];
    }),
  ),
]);

/** Not `v.record`, which leaves out "constructor" and "prototype": words that GPT-2 knows. */
const vocabulary = v.custom<Readonly<Record<string, unknown>>>((value) => typeof value === 'object' && value !== null);

const TokenizerFile = v.looseObject({
  added_tokens: v.array(v.looseObject({ id: v.number(), content: v.string() })),
  model: v.looseObject({ vocab: vocabulary, merges: v.array(merge) }),
});

/**
 * The text tokens of a tokenizer.json.
 * @throws ModelError `file_missing` or `file_invalid`
 */
export async function readTextVocabulary(directory: string): Promise<TextVocabulary> {
  const file = join(directory, 'tokenizer.json');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ModelError('file_missing', `${file} cannot be read`, { cause });
  });
  const { added_tokens: added, model } = parseJson(TokenizerFile, text, file);
  const end = added.find(({ content }) => content === '<|endoftext|>')?.id ?? 0;
  const entries: string[] = [];
  for (const [entry, id] of Object.entries(model.vocab)) {
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < end) entries[id] = entry;
  }
  if (Object.keys(entries).length !== end) {
    throw new ModelError('file_invalid', `${file} leaves out text tokens: there are ${end} before <|endoftext|>`);
  }
  return { entries, merges: model.merges };
}

/**
 * The text tokens of a list of all tokens by id, special ones included or not.
 * @throws ModelError `file_invalid` where it is too short, `unsupported` for a size that no Whisper has
 */
export function vocabularyOfEntries(listed: readonly string[], size: number, file: string): TextVocabulary {
  const special = specialNamesOfSize(size);
  if (special === undefined) throw unknownSize(size, file);
  if (listed.length < special.textTokens) {
    throw new ModelError('file_invalid', `${file} has ${listed.length} text tokens of ${special.textTokens}`);
  }
  const entries = listed.slice(0, special.textTokens);
  return { entries, merges: mergesOf(entries) };
}

/** As {@link vocabularyOfEntries}, of tokens that are given as the bytes they stand for. */
export function vocabularyOfBytes(tokens: readonly Uint8Array[], size: number, file: string): TextVocabulary {
  return vocabularyOfEntries(tokens.map(entryOfBytes), size, file);
}

/**
 * The content of a tokenizer.json for a model of `size` tokens; `undefined` where the text tokens are not those of its
 * size.
 * @throws ModelError `unsupported` for a size that no Whisper has
 */
export function tokenizerOfVocabulary(
  { entries, merges }: TextVocabulary,
  size: number,
  file: string,
): object | undefined {
  const special = specialNamesOfSize(size);
  if (special === undefined) throw unknownSize(size, file);
  return special.textTokens === entries.length ? tokenizerFile(entries, special.names, merges) : undefined;
}

function unknownSize(size: number, file: string): ModelError {
  return new ModelError(
    'unsupported',
    `${file}: a vocabulary of ${size} tokens is not one of OpenAI's: 51864 to 51866`,
  );
}
