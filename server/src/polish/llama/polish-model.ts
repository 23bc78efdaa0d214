// A model that polishes as it lies on the disk: a GGUF file, or a folder of one with its sotto.json.
import { open, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError, POLISH_MODES, type PolishMode } from '@sotto/protocol';
import * as v from 'valibot';

/** How a model wants its prompt: as its chat template has it, or as Sotto's own small models were trained. */
export type PromptFormat = 'chat' | 'sotto-polish-v1';

export interface PolishModel {
  readonly name: string;
  /** Of the GGUF file; of one in several parts, the first. */
  readonly path: string;
  readonly modes: readonly PolishMode[];
  /** Undefined: all of them. */
  readonly languages: readonly string[] | undefined;
  readonly promptFormat: PromptFormat;
  /** Whether it is there to give words back as they were said, so that one it changes is a mistake. */
  readonly keepsWords: boolean;
  /** Tokens of prompt and answer together; undefined: as many as the model and {@link CONTEXT_TOKENS_MAX} allow. */
  readonly contextTokens: number | undefined;
}

/** Prompt, text and answer of the longest piece of text fit well into this, and every sequence takes memory for it. */
export const CONTEXT_TOKENS_MAX = 4_096;
const MANIFEST = 'sotto.json';
const GGUF_FILE = 'model.gguf';
/** The first bytes of every GGUF file. */
const MAGIC = 'GGUF';

const Manifest = v.object({
  kind: v.literal('polish'),
  name: v.optional(v.string()),
  /** The GGUF within the folder. */
  file: v.optional(v.string(), GGUF_FILE),
  modes: v.optional(v.array(v.picklist(POLISH_MODES)), [...POLISH_MODES]),
  languages: v.optional(v.array(v.string())),
  promptFormat: v.optional(v.picklist(['chat', 'sotto-polish-v1']), 'chat'),
  keepsWords: v.optional(v.boolean(), false),
  contextTokens: v.optional(v.pipe(v.number(), v.integer(), v.minValue(128))),
});

/** A file or folder cannot be used as a polish model; the message names it and says why. */
export class PolishModelError extends CodedError<'polish_model_invalid'> {
  override readonly name = 'PolishModelError';

  constructor(message: string, options?: ErrorOptions) {
    super('polish_model_invalid', message, options);
  }
}

/** Reads what there is to know without loading it. Rejects with {@link PolishModelError}. */
export async function readPolishModel(path: string): Promise<PolishModel> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new PolishModelError(`${path} is not there`, { cause });
  });
  if (!found.isDirectory()) {
    await requireGguf(path);
    const name = basename(path)
      .replace(/\.gguf$/i, '')
      .replace(/-\d{5}-of-\d{5}$/, '');
    return {
      name,
      path,
      modes: POLISH_MODES,
      languages: undefined,
      promptFormat: 'chat',
      keepsWords: false,
      contextTokens: undefined,
    };
  }
  const manifest = await readManifest(join(path, MANIFEST));
  const file = join(path, manifest.file);
  await requireGguf(file);
  const { modes, languages, promptFormat, keepsWords, contextTokens } = manifest;
  return {
    name: manifest.name ?? basename(path),
    path: file,
    modes,
    languages,
    promptFormat,
    keepsWords,
    contextTokens,
  };
}

async function readManifest(file: string): Promise<v.InferOutput<typeof Manifest>> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new PolishModelError(`${file} is not there: a folder needs it, with "kind": "polish"`, { cause });
  });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new PolishModelError(`${file} is not JSON`, { cause });
  }
  const parsed = v.safeParse(Manifest, content);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new PolishModelError(`${file}: ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`);
}

/** Only its first bytes: what is behind them shows when it is loaded. */
async function requireGguf(path: string): Promise<void> {
  const file = await open(path).catch((cause: unknown) => {
    throw new PolishModelError(`${path} cannot be read`, { cause });
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0);
    if (bytesRead < MAGIC.length || buffer.toString('latin1') !== MAGIC)
      throw new PolishModelError(`${path} is not a GGUF file`);
  } finally {
    await file.close();
  }
}
