// The plain part of Python's pickle language: numbers, texts, lists, dictionaries and references to tensors. Nothing
// runs:
// a global that is not one of PyTorch's tensors is an error, not a call (CPython `pickletools.py`; PyTorch
// `_utils.py`).
import { ModelError } from '../../model-error.js';

/** A tensor as `torch._utils._rebuild_tensor_v2` is asked for it. Counts are of elements. */
export class PickledTensor {
  readonly storage: PickledStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: PickledStorage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** Numbers in a file beside the pickle. */
export class PickledStorage {
  /** As in `HalfStorage`. */
  readonly type: string;
  readonly key: string;
  readonly elements: number;

  constructor(type: string, key: string, elements: number) {
    this.type = type;
    this.key = key;
    this.elements = elements;
  }
}

/** A function or class by its name. */
class Global {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Tuples are lists, and so is what a class of lists would be; dictionaries keep their order. */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | PickledTensor
  | PickledStorage
  | Global
  | Pickled[]
  | Map<Pickled, Pickled>;

const TENSOR = 'torch._utils._rebuild_tensor_v2';
const DICTIONARY = 'collections.OrderedDict';
const STORAGES = ['HalfStorage', 'FloatStorage', 'BFloat16Storage'].map((type) => `torch.${type}`);
const KNOWN = new Set([TENSOR, DICTIONARY, ...STORAGES]);

/**
 * Reads one object. Time and memory follow the length of `bytes`.
 * @param file named in errors
 * @throws ModelError `unsafe_file` where the pickle asks for code, `file_invalid` where it is cut or damaged
 */
export function readPickle(bytes: Buffer, file: string): Pickled {
  return new PickleReader(bytes, file).read();
}

class PickleReader {
  readonly #bytes: Buffer;
  readonly #file: string;
  #at = 0;
  #stack: Pickled[] = [];
  /** Stacks that a mark has set aside. */
  readonly #marked: Pickled[][] = [];
  readonly #memo = new Map<number, Pickled>();

  constructor(bytes: Buffer, file: string) {
    this.#bytes = bytes;
    this.#file = file;
  }

  read(): Pickled {
    for (;;) {
      const opcode = String.fromCharCode(this.#uint8());
      if (opcode === '.') return this.#pop();
      this.#step(opcode);
    }
  }

  #step(opcode: string): void {
    switch (opcode) {
      case '\x80': // PROTO
        this.#uint8();
        return;
      case '\x95': // FRAME: a hint for readers of streams
        this.#take(8);
        return;
      case 'N':
        return this.#push(null);
      case '\x88':
        return this.#push(true);
      case '\x89':
        return this.#push(false);
      case 'K': // BININT1
        return this.#push(this.#uint8());
      case 'M': // BININT2
        return this.#push(this.#take(2).readUInt16LE());
      case 'J': // BININT
        return this.#push(this.#take(4).readInt32LE());
      case '\x8a': // LONG1
        return this.#push(this.#long());
      case 'G': // BINFLOAT
        return this.#push(this.#take(8).readDoubleBE());
      case 'X': // BINUNICODE
        return this.#push(this.#take(this.#uint32()).toString('utf8'));
      case '\x8c': // SHORT_BINUNICODE
        return this.#push(this.#take(this.#uint8()).toString('utf8'));
      case ']':
        return this.#push([]);
      case ')':
        return this.#push([]);
      case '}':
        return this.#push(new Map());
      case '(': // MARK
        this.#marked.push(this.#stack);
        this.#stack = [];
        return;
      case 't':
      case 'l':
        return this.#push(this.#popMarked());
      case '\x85':
      case '\x86':
      case '\x87': // TUPLE1 to TUPLE3
        return this.#push(this.#popMany(opcode.charCodeAt(0) - 0x84));
      case 'a': // APPEND
        return this.#append([this.#pop()]);
      case 'e': // APPENDS
        return this.#append(this.#popMarked());
      case 's': // SETITEM
        return this.#setItems(this.#popMany(2));
      case 'u': // SETITEMS
        return this.#setItems(this.#popMarked());
      case 'q': // BINPUT
        return this.#remember(this.#uint8());
      case 'r': // LONG_BINPUT
        return this.#remember(this.#uint32());
      case '\x94': // MEMOIZE
        return this.#remember(this.#memo.size);
      case 'h': // BINGET
        return this.#recall(this.#uint8());
      case 'j': // LONG_BINGET
        return this.#recall(this.#uint32());
      case 'c': // GLOBAL
        return this.#pushGlobal(this.#line(), this.#line());
      case '\x93': // STACK_GLOBAL
        return this.#pushGlobal(...this.#popMany(2));
      case 'Q': // BINPERSID
        return this.#push(this.#storage(this.#pop()));
      case 'R': // REDUCE
        return this.#call();
      case 'b': // BUILD: what a dictionary has beside its items says nothing of tensors
        this.#pop();
        if (!(this.#stack.at(-1) instanceof Map)) throw this.#code('builds an object');
        return;
      default:
        throw this.#unknown(opcode);
    }
  }

  #call(): void {
    const [called, given] = this.#popMany(2);
    if (called instanceof Global && called.name === TENSOR) return this.#push(this.#tensor(given));
    const isEmpty = Array.isArray(given) && given.length === 0;
    if (called instanceof Global && called.name === DICTIONARY && isEmpty) return this.#push(new Map());
    throw this.#code(`calls ${called instanceof Global ? called.name : 'something that is not a function'}`);
  }

  /** @param given storage, offset, shape, strides, and more that is of use in training only */
  #tensor(given: Pickled | undefined): PickledTensor {
    const [storage, offset, shape, strides] = Array.isArray(given) ? given : [];
    if (!(storage instanceof PickledStorage) || !isCount(offset) || !areCounts(shape) || !areCounts(strides)) {
      throw this.#damaged('a tensor lacks its storage or its shape');
    }
    return new PickledTensor(storage, offset, shape, strides);
  }

  /** @param id ('storage', type, key, device, elements), as `torch.save` writes it */
  #storage(id: Pickled): PickledStorage {
    const [kind, type, key, , elements] = Array.isArray(id) ? id : [];
    const isStorage = type instanceof Global && STORAGES.includes(type.name);
    if (kind !== 'storage' || !isStorage || typeof key !== 'string' || !isCount(elements)) {
      throw this.#damaged('a reference is not to a tensor of halves or floats');
    }
    return new PickledStorage(type.name.slice('torch.'.length), key, elements);
  }

  #pushGlobal(module?: Pickled, name?: Pickled): void {
    if (typeof module !== 'string' || typeof name !== 'string') throw this.#damaged('a function has no name');
    const full = `${module}.${name}`;
    if (!KNOWN.has(full)) throw this.#code(`asks for ${JSON.stringify(full.slice(0, 80))}`);
    this.#push(new Global(full));
  }

  #append(items: readonly Pickled[]): void {
    const list = this.#stack.at(-1);
    if (!Array.isArray(list)) throw this.#damaged('it appends to something that is not a list');
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly Pickled[]): void {
    const map = this.#stack.at(-1);
    if (!(map instanceof Map) || items.length % 2 !== 0)
      throw this.#damaged('it sets items of something that is not a dictionary');
    for (let i = 0; i < items.length; i += 2) map.set(items[i] ?? null, items[i + 1] ?? null);
  }

  #remember(place: number): void {
    const top = this.#stack.at(-1);
    if (top === undefined) throw this.#damaged('it remembers nothing');
    this.#memo.set(place, top);
  }

  #recall(place: number): void {
    const value = this.#memo.get(place);
    if (value === undefined) throw this.#damaged('it recalls what was never there');
    this.#push(value);
  }

  #push(value: Pickled): void {
    this.#stack.push(value);
  }

  #pop(): Pickled {
    const value = this.#stack.pop();
    if (value === undefined) throw this.#damaged('its stack is empty');
    return value;
  }

  #popMany(count: number): Pickled[] {
    if (this.#stack.length < count) throw this.#damaged('its stack is empty');
    return this.#stack.splice(-count);
  }

  #popMarked(): Pickled[] {
    const items = this.#stack;
    const below = this.#marked.pop();
    if (below === undefined) throw this.#damaged('a mark is missing');
    this.#stack = below;
    return items;
  }

  #uint8(): number {
    return this.#take(1).readUInt8();
  }

  #uint32(): number {
    return this.#take(4).readUInt32LE();
  }

  /** LONG1: little-endian, two's complement. Sizes of tensors fit six bytes. */
  #long(): number {
    const length = this.#uint8();
    if (length > 6) throw this.#damaged('a number is too large');
    return length === 0 ? 0 : this.#take(length).readIntLE(0, length);
  }

  #line(): string {
    const end = this.#bytes.indexOf('\n', this.#at);
    if (end < 0) throw this.#damaged('it ends within a name');
    const line = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return line;
  }

  #take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw this.#damaged('it is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Opcodes that make objects of classes, or call, or reach out of the pickle; any other number is none. */
  #unknown(opcode: string): ModelError {
    const makesObjects = 'io\x81\x92\x82\x83\x84P\x97\x98'.includes(opcode);
    return makesObjects
      ? this.#code('makes an object')
      : this.#damaged(`0x${opcode.charCodeAt(0).toString(16)} is not read`);
  }

  #code(does: string): ModelError {
    return new ModelError(
      'unsafe_file',
      `${this.#file} ${does}: it holds code or more than tensors, and none of it was run. ` +
        'Only plain checkpoints are read: {"dims", "model_state_dict"} of tensors, as OpenAI publishes them',
    );
  }

  #damaged(what: string): ModelError {
    return new ModelError('file_invalid', `${this.#file} is damaged, or not a checkpoint: ${what}`);
  }
}

function isCount(value: Pickled | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function areCounts(value: Pickled | undefined): value is number[] {
  return Array.isArray(value) && value.length <= 8 && value.every(isCount);
}
