// One block of memory, a GPU's or ours, that tensors are laid out in by hand: they may lie over each other, and a copy may take several of them.
import koffi from 'koffi';
import { allocateOnDevice, clearOnDevice, copyFromDevice, copyToDevice, freeOnDevice } from './cuda-runtime.js';
import { bytesPerElement, elementCount, type ElementType } from './element-types.js';
import type { MemoryPlace } from './environment.js';
import { OrtError } from './errors.js';
import type { Pointer } from './library.js';
import { NativeHandle } from './native-handle.js';
import { OrtValue } from './value.js';

/** Offsets of tensors are multiples of this: what CUDA's own allocations are aligned to. */
export const blockAlignment = 256;

export class MemoryBlock extends NativeHandle {
  /** Allocates `length` bytes, all of them 0. Throws OrtError `engineError` where a GPU has no memory for them. */
  static allocate(place: MemoryPlace, length: number): MemoryBlock {
    if (place.device === 'cpu') {
      const bytes = new Uint8Array(length);
      return new MemoryBlock(place, length, koffi.address(bytes), bytes);
    }
    const address = allocateOnDevice(place.id, length);
    const block = new MemoryBlock(place, length, address);
    clearOnDevice(place.id, address, length);
    return block;
  }

  private constructor(
    readonly place: MemoryPlace,
    readonly length: number,
    address: Pointer,
    private readonly bytes?: Uint8Array,
  ) {
    super('block', address, () => place.device === 'cuda' && freeOnDevice(place.id, address), bytes);
  }

  /** A tensor that lies at an offset, bytes, its contents what is there. The block stays until it is closed. Throws OrtError `invalidArgument`. */
  tensor(type: ElementType, dims: readonly number[], offset: number): OrtValue {
    this.#checkRange(offset, elementCount(dims) * bytesPerElement(type));
    return OrtValue.within(this.pointer + BigInt(offset), type, dims, this.place, this.retain());
  }

  /** Writes bytes at an offset. When it returns, every later run of ONNX Runtime sees them. Throws OrtError. */
  write(offset: number, data: Uint8Array): void {
    this.#checkRange(offset, data.length);
    const address = this.pointer + BigInt(offset);
    if (this.bytes) this.bytes.set(data, offset);
    else copyToDevice(this.place.id, address, data);
  }

  /** A copy of the bytes at an offset. Throws OrtError. */
  read(offset: number, length: number): Uint8Array {
    this.#checkRange(offset, length);
    if (this.bytes) return this.bytes.slice(offset, offset + length);
    return copyFromDevice(this.place.id, this.pointer + BigInt(offset), length);
  }

  #checkRange(offset: number, length: number): void {
    if (offset % 2 === 0 && offset >= 0 && offset + length <= this.length) return;
    throw new OrtError('invalidArgument', `${length} bytes at ${offset} are not within ${this.length}`);
  }
}
