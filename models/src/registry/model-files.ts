// The Hugging Face files of a Whisper: what must be in a folder before it counts as a model.
import { ModelError } from '../model-error.js';
import { WhisperTokenizer } from '../tokenizer/index.js';
import { readWhisperConfig, type WhisperConfig } from '../whisper/config.js';
import { readWeights } from '../whisper/safetensors.js';

/** What a folder holds. */
export interface ModelFiles {
  readonly directory: string;
  readonly config: WhisperConfig;
  /** Numbers in all weights. */
  readonly parameters: number;
  /** Their bytes on disk. */
  readonly weightBytes: number;
}

/** Without these the weights are of another layout. */
const MUST_HAVE = ['encoder.conv1.weight', 'decoder.embed_tokens.weight'] as const;
/** What takes a weight's place where it is stored in integers. */
const IN_INTEGERS = '_int8';

/**
 * Looks at config and weights without loading them: fast enough for a list.
 * @throws ModelError `file_missing`, `file_invalid` or `unsupported`
 */
export async function inspectModel(directory: string): Promise<ModelFiles> {
  const config = await readWhisperConfig(directory);
  const { tensors } = await readWeights(directory);
  let [parameters, weightBytes] = [0, 0];
  for (const { shape, length } of tensors.values()) {
    parameters += shape.reduce((product, size) => product * size, 1);
    weightBytes += length;
  }
  const names = [...tensors.keys()];
  const missing = MUST_HAVE.find(
    (wanted) => !names.some((name) => name.endsWith(wanted) || name.endsWith(wanted + IN_INTEGERS)),
  );
  if (missing !== undefined) {
    throw new ModelError(
      'unsupported',
      `${directory}: the weights have no ${missing}: not a Whisper as Hugging Face lays it out`,
    );
  }
  return { directory, config, parameters, weightBytes };
}

/**
 * Everything that {@link inspectModel} looks at, and the tokenizer too: what is added must be able to load.
 * @throws ModelError `file_missing`, `file_invalid` or `unsupported`
 */
export async function validateModel(directory: string): Promise<ModelFiles> {
  const files = await inspectModel(directory);
  await WhisperTokenizer.load(directory);
  return files;
}
