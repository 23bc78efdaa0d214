// Which files of a repository make a model: a Whisper in safetensors, or a GGUF of one quantisation.
import { HubError } from './hub-error.js';
import type { Repository, RepositoryFile } from './repository.js';

/** A kind of model that can be pulled. */
export type ModelKind = 'whisper' | 'gguf';

export interface ChosenFiles {
  readonly kind: ModelKind;
  readonly files: readonly RepositoryFile[];
  /** The file to open first: the weights of a GGUF (of one in parts: the first), `config.json` of a Whisper. */
  readonly main: RepositoryFile;
}

const INDEX = 'model.safetensors.index.json';
const WEIGHTS = 'model.safetensors';
/** Without these there is no Whisper. */
const REQUIRED = ['config.json', 'tokenizer.json'] as const;
const WANTED = ['generation_config.json', 'preprocessor_config.json', 'sotto.json'] as const;
/**
 * Taken of a GGUF repository that is asked for by its name alone: small, and hardly worse than the whole (llama.cpp's
 * usual advice).
 */
const USUAL_QUANTISATION = 'Q4_K_M';

/**
 * A GGUF where one is asked for or nothing else is there, else the Whisper at the repository's top.
 * @throws HubError `file_unknown` naming what is missing, or the quantisations that there are
 */
export function chooseFiles(repository: Repository, quantisation: string): ChosenFiles {
  const ggufs = repository.files.filter(({ path }) => /\.gguf$/i.test(path) && !/mmproj/i.test(path));
  const isWhisper = repository.files.some(({ path }) => path === WEIGHTS || path === INDEX);
  if (quantisation !== '' || (!isWhisper && ggufs.length > 0)) return chooseGguf(repository.id, ggufs, quantisation);
  return chooseWhisper(repository);
}

function chooseGguf(id: string, ggufs: readonly RepositoryFile[], quantisation: string): ChosenFiles {
  const only = quantisation === '' && ggufs.length === 1 ? ggufs : undefined;
  const wanted = quantisation || USUAL_QUANTISATION;
  const files = (only ?? ggufs.filter((file) => quantisationOf(file) === wanted.toUpperCase())).toSorted((a, b) =>
    a.path < b.path ? -1 : 1,
  );
  const [main] = files;
  if (main === undefined) {
    const known = [...new Set(ggufs.map(quantisationOf).filter(Boolean))].join(', ');
    throw new HubError('file_unknown', `${id} has no GGUF of ${wanted}: there are ${known || 'none'}`);
  }
  return { kind: 'gguf', files, main };
}

/** `qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf` -> `Q4_K_M`; empty when the name says none. */
function quantisationOf({ path }: RepositoryFile): string {
  const [, name = ''] = /(?:^|[-._/])((?:I?Q\d[\w]*|F16|F32|BF16|MXFP4))(?:-\d{5}-of-\d{5})?\.gguf$/i.exec(path) ?? [];
  return name.toUpperCase();
}

function chooseWhisper({ id, files }: Repository): ChosenFiles {
  const find = (path: string): RepositoryFile | undefined => files.find((file) => file.path === path);
  const config = find('config.json');
  const missing = REQUIRED.find((path) => find(path) === undefined);
  if (config === undefined || missing !== undefined) {
    throw new HubError('file_unknown', `${id} has no ${missing}: not a Whisper as Hugging Face lays it out`);
  }
  // Where both are there, the index is of another precision or left over: one file is what every tool takes.
  const whole = find(WEIGHTS);
  const weights = whole ? [whole] : [find(INDEX), ...files.filter(({ path }) => SHARD.test(path))];
  const chosen = [...REQUIRED, ...WANTED].map(find);
  const present = [...chosen, ...weights].filter((file) => file !== undefined);
  if (!present.some(({ path }) => path === WEIGHTS || SHARD.test(path))) {
    throw new HubError('file_unknown', `${id} has no ${WEIGHTS}, nor its shards: other weight formats are not read`);
  }
  return { kind: 'whisper', files: present, main: config };
}

const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;
