// A Whisper as the zip that torch.save writes: {"dims", "model_state_dict"}, pickled by hand.
import { crc32 } from 'node:zlib';
import { floatBytes, openaiName, type SmallNetwork } from './network.js';

export interface CheckpointOptions {
  /** In place of the pickle. */
  readonly pickle?: Buffer;
  /** Put before the dictionary's end: an entry "more" whose value these opcodes leave on the stack. */
  readonly more?: Buffer;
  readonly dims?: Readonly<Record<string, number>>;
  /** Last word on the files of the archive. */
  readonly change?: (files: Map<string, Buffer>) => void;
}

export function checkpointFile(network: SmallNetwork, options: CheckpointOptions = {}): Buffer {
  const files = new Map<string, Buffer>();
  files.set('data.pkl', options.pickle ?? pickleOf(network, options));
  files.set('byteorder', Buffer.from('little'));
  let key = 0;
  for (const { values } of network.tensors.values()) files.set(`data/${key++}`, floatBytes(values));
  options.change?.(files);
  return zip(new Map([...files].map(([name, bytes]) => [`model/${name}`, bytes])));
}

export const opcode = {
  text: (value: string): Buffer => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from('X'), uint32(bytes.length), bytes]);
  },
  number: (value: number): Buffer => Buffer.concat([Buffer.from('J'), uint32(value)]),
  global: (module: string, name: string): Buffer => Buffer.from(`c${module}\n${name}\n`),
  tuple: (...items: readonly Buffer[]): Buffer => Buffer.concat([Buffer.from('('), ...items, Buffer.from('t')]),
  call: (called: Buffer, ...given: readonly Buffer[]): Buffer =>
    Buffer.concat([called, opcode.tuple(...given), Buffer.from('R')]),
  dictionary: (...entries: readonly (readonly [string, Buffer])[]): Buffer =>
    Buffer.concat([
      Buffer.from('}('),
      ...entries.flatMap(([key, value]) => [opcode.text(key), value]),
      Buffer.from('u'),
    ]),
  end: (value: Buffer): Buffer => Buffer.concat([Buffer.from('\x80\x02', 'latin1'), value, Buffer.from('.')]),
};

function pickleOf(network: SmallNetwork, { more, dims }: CheckpointOptions): Buffer {
  const { width, heads, layers, melBins, vocabulary, maxSourcePositions, maxTargetPositions } = network;
  const sizes = {
    n_mels: melBins,
    n_vocab: vocabulary,
    n_audio_ctx: maxSourcePositions,
    n_audio_state: width,
    n_audio_head: heads,
    n_audio_layer: layers,
    n_text_ctx: maxTargetPositions,
    n_text_state: width,
    n_text_head: heads,
    n_text_layer: layers,
    ...dims,
  };
  const tensors = [...network.tensors].map(([name, { shape }], key) => [openaiName(name), tensor(key, shape)] as const);
  return opcode.end(
    opcode.dictionary(
      ['dims', opcode.dictionary(...Object.entries(sizes).map(([name, size]) => [name, opcode.number(size)] as const))],
      ['model_state_dict', opcode.dictionary(...tensors)],
      ...(more ? [['more', more] as const] : []),
    ),
  );
}

/** As PyTorch's pickler writes a float tensor. */
function tensor(key: number, shape: readonly number[]): Buffer {
  const elements = shape.reduce((product, size) => product * size, 1);
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));
  const storage = Buffer.concat([
    opcode.tuple(
      opcode.text('storage'),
      opcode.global('torch', 'FloatStorage'),
      opcode.text(String(key)),
      opcode.text('cpu'),
      opcode.number(elements),
    ),
    Buffer.from('Q'),
  ]);
  return opcode.call(
    opcode.global('torch._utils', '_rebuild_tensor_v2'),
    storage,
    opcode.number(0),
    opcode.tuple(...shape.map(opcode.number)),
    opcode.tuple(...strides.map(opcode.number)),
    Buffer.from('\x89', 'latin1'),
    Buffer.from('ccollections\nOrderedDict\n)R'),
  );
}

/** Stored, not packed (APPNOTE.TXT 4.3). */
function zip(files: ReadonlyMap<string, Buffer>): Buffer {
  const [locals, central]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, bytes] of files) {
    const facts = Buffer.concat([uint16(20, 0, 0, 0, 33), uint32(crc32(bytes), bytes.length, bytes.length)]);
    const path = Buffer.from(name);
    const local = Buffer.concat([uint32(0x04034b50), facts, uint16(path.length, 0), path, bytes]);
    locals.push(local);
    central.push(uint32(0x02014b50), uint16(20), facts, uint16(path.length, 0, 0, 0, 0), uint32(0, offset), path);
    offset += local.length;
  }
  const directory = Buffer.concat(central);
  const end = [uint32(0x06054b50), uint16(0, 0, files.size, files.size), uint32(directory.length, offset), uint16(0)];
  return Buffer.concat([...locals, directory, ...end]);
}

function uint16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt16LE(value, 2 * i);
  return bytes;
}

function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, 4 * i);
  return bytes;
}
