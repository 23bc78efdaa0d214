// A CTranslate2 directory, as faster-whisper uses it, read as a Whisper: model.bin, config.json, tokenizer or
// vocabulary.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ModelError } from '../../model-error.js';
import { parseJson } from '../../parse-json.js';
import type { ModelSource, SourceDimensions, SourceRules, SourceTensor } from '../model-source.js';
import { SourceFile } from '../source-file.js';
import { vocabularyOfEntries } from '../vocabulary/text-vocabulary.js';
import { checkDimensions } from '../whisper-tensors.js';
import { readVariables, type Variable } from './model-file.js';
import { whisperTensors } from './tensors.js';

const tokenIds = v.nullish(v.array(v.pipe(v.number(), v.integer(), v.minValue(-1))));
const ConfigFile = v.looseObject({
  alignment_heads: v.nullish(v.array(v.tuple([v.number(), v.number()]))),
  suppress_ids: tokenIds,
  suppress_ids_begin: tokenIds,
});

/** CTranslate2's number of the exact GELU (`ActivationType`). */
const GELU = 3;

/** @throws ModelError `file_missing`, `file_invalid` or `unsupported` */
export async function openCtranslate2(directory: string): Promise<ModelSource> {
  const path = join(directory, 'model.bin');
  const file = await SourceFile.open(path);
  try {
    const variables = await readVariables(file);
    const dimensions = await readDimensions(file, variables);
    const tensors: ReadonlyMap<string, SourceTensor> = await whisperTensors(file, variables, dimensions);
    return {
      format: 'CTranslate2',
      path,
      dimensions,
      tensors,
      rules: await readRules(directory),
      ...(await readTokenizer(directory, dimensions.vocabulary)),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readDimensions(file: SourceFile, variables: ReadonlyMap<string, Variable>): Promise<SourceDimensions> {
  const find = (name: string): Variable => {
    const variable = variables.get(name);
    if (variable === undefined) throw new ModelError('unsupported', `${file.path} has no ${name}: not a Whisper`);
    return variable;
  };
  const sizeOf = (name: string, dimension: number): number => find(name).shape[dimension] ?? 0;
  const scalar = async (name: string): Promise<number> => {
    const { type, offset, length } = find(name);
    const bytes = await file.read(offset, Math.min(length, 4));
    return (type === 'int16' || type === 'int8') && bytes.length > 0 ? bytes.readIntLE(0, bytes.length) : 0;
  };
  const layers = (side: string): number => {
    let count = 0;
    while (variables.has(`${side}/layer_${count}/self_attention/linear_0/weight`)) count++;
    return count;
  };
  const activation = variables.has('decoder/activation') ? await scalar('decoder/activation') : GELU;
  if (activation !== GELU) {
    throw new ModelError(
      'unsupported',
      `${file.path} has another activation (number ${activation}) than Whisper's GELU`,
    );
  }
  const dimensions = {
    width: sizeOf('encoder/conv1/weight', 0),
    melBins: sizeOf('encoder/conv1/weight', 1),
    encoderHeads: await scalar('encoder/num_heads'),
    decoderHeads: await scalar('decoder/num_heads'),
    encoderLayers: layers('encoder'),
    decoderLayers: layers('decoder'),
    inner: sizeOf('encoder/layer_0/ffn/linear_0/weight', 0),
    vocabulary: sizeOf('decoder/embeddings/weight', 0),
    maxSourcePositions: sizeOf('encoder/position_encodings/encodings', 0),
    maxTargetPositions: sizeOf('decoder/position_encodings/encodings', 0),
  };
  checkDimensions(dimensions, file.path);
  return dimensions;
}

/** Absent in old conversions: then the rules are OpenAI's. */
async function readRules(directory: string): Promise<SourceRules> {
  const file = join(directory, 'config.json');
  const text = await readOptional(file);
  if (text === undefined) return {};
  const config = parseJson(ConfigFile, text, file);
  return {
    ...(config.alignment_heads?.length && { alignmentHeads: config.alignment_heads }),
    suppressTokens: ownIds(config.suppress_ids),
    beginSuppressTokens: ownIds(config.suppress_ids_begin),
  };
}

/** -1 stands for the list that OpenAI's models have. */
function ownIds(list: readonly number[] | null | undefined): readonly number[] | undefined {
  return list?.includes(-1) ? undefined : (list ?? undefined);
}

async function readTokenizer(
  directory: string,
  vocabulary: number,
): Promise<Pick<ModelSource, 'tokenizer' | 'vocabulary'>> {
  const file = join(directory, 'tokenizer.json');
  const text = await readOptional(file);
  if (text !== undefined) return { tokenizer: parseJson(v.looseObject({}), text, file) };
  const list = join(directory, 'vocabulary.json');
  const listed = await readOptional(list);
  if (listed !== undefined) {
    return { vocabulary: vocabularyOfEntries(parseJson(v.array(v.string()), listed, list), vocabulary, list) };
  }
  const lines = join(directory, 'vocabulary.txt');
  const plain = await readOptional(lines);
  return plain === undefined ? {} : { vocabulary: vocabularyOfEntries(plain.split('\n'), vocabulary, lines) };
}

async function readOptional(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new ModelError('file_missing', `${file} cannot be read`, { cause });
  });
}
