// The variables of CTranslate2's model.bin (OpenNMT/CTranslate2 `model_spec.py`, `_serialize`): where each lies,
// unread.
import { ModelError } from '../../model-error.js';
import { FileCursor, type SourceFile } from '../source-file.js';

/** Element types by their numbers in the file, with bytes each. */
const TYPES = [
  { name: 'float32', bytes: 4 },
  { name: 'int8', bytes: 1 },
  { name: 'int16', bytes: 2 },
  { name: 'int32', bytes: 4 },
  { name: 'float16', bytes: 2 },
  { name: 'bfloat16', bytes: 2 },
] as const;

/** Variables of a large model: some 1,300. */
const VARIABLES_MAX = 20_000;
const RANK_MAX = 4;

export interface Variable {
  readonly type: (typeof TYPES)[number]['name'];
  readonly shape: readonly number[];
  /** Place in the file, and bytes. */
  readonly offset: number;
  readonly length: number;
}

/**
 * Format: version, name and revision of the specification, variables (name, shape, type, bytes, data), aliases (name,
 * name
 * of the variable). Numbers are little-endian, names end in a zero that is counted.
 * @throws ModelError `file_invalid` for a file that is cut or damaged, `unsupported` for another model or version
 */
export async function readVariables(file: SourceFile): Promise<ReadonlyMap<string, Variable>> {
  const cursor = new FileCursor(file);
  const version = await cursor.uint32();
  if (version < 4 || version > 6) {
    throw new ModelError(
      'unsupported',
      `${file.path} is not a model.bin of CTranslate2 that can be read: version ${version}`,
    );
  }
  const specification = await readName(cursor);
  if (specification !== 'WhisperSpec') {
    throw new ModelError('unsupported', `${file.path} is a ${printable(specification)} of CTranslate2, not a Whisper`);
  }
  await cursor.uint32();
  const variables = new Map<string, Variable>();
  for (let left = await cursor.count('variables', VARIABLES_MAX); left > 0; left--) {
    const name = await readName(cursor);
    variables.set(name, await readVariable(cursor, name, file));
  }
  for (let left = await cursor.count('aliases', VARIABLES_MAX); left > 0; left--) {
    const [name, of] = [await readName(cursor), await readName(cursor)];
    const variable = variables.get(of);
    if (variable === undefined)
      throw damaged(file, `${printable(name)} stands for ${printable(of)}, which is not there`);
    variables.set(name, variable);
  }
  return variables;
}

async function readVariable(cursor: FileCursor, name: string, file: SourceFile): Promise<Variable> {
  const rank = await cursor.uint8();
  if (rank > RANK_MAX) throw damaged(file, `${printable(name)} has ${rank} dimensions`);
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) shape.push(await cursor.uint32());
  const type = TYPES[await cursor.uint8()];
  const length = await cursor.uint32();
  const elements = shape.reduce((product, size) => product * size, 1);
  if (type === undefined || elements * type.bytes !== length) {
    throw damaged(
      file,
      `${printable(name)} has ${length} bytes for ${shape.join(' x ')} of ${type?.name ?? 'no known type'}`,
    );
  }
  const offset = cursor.position;
  cursor.skip(length);
  return { type: type.name, shape, offset, length };
}

async function readName(cursor: FileCursor): Promise<string> {
  const length = await cursor.uint16();
  const bytes = await cursor.take(length);
  return bytes.subarray(0, Math.max(0, length - 1)).toString('utf8');
}

function damaged(file: SourceFile, what: string): ModelError {
  return new ModelError('file_invalid', `${file.path} is damaged: ${what}`);
}

/** A name in a message: a damaged file has anything in it. */
function printable(name: string): string {
  return JSON.stringify(name.slice(0, 64));
}
