// One block of memory, a GPU's or ours, that tensors are laid out in by hand: they may lie over each other, and a copy
// may take several of them.
import koffi from 'koffi';
import { allocateOnDevice, clearOnDevice, copyFromDevice, copyToDevice, freeOnDevice } from './cuda-runtime.js';
import { bytesPerElement, elementCount, type ElementType } from './element-types.js';
import { OrtEnvironment, type MemoryPlace } from './environment.js';
import { OrtError } from './errors.js';
import type { Pointer } from './library.js';
import { NativeHandle } from './native-handle.js';
import { OrtValue } from './value.js';

/** Offsets of tensors are multiples of this: what CUDA's own allocations are aligned to. */
export const blockAlignment = 256;

export class MemoryBlock extends NativeHandle {
  readonly place: MemoryPlace;
  readonly length: number;

  /** Allocates `length` bytes, all of them 0. Throws OrtError `engine_error` where a GPU has no memory for them. */
  static allocate(place: MemoryPlace, length: number): MemoryBlock {
    if (place.device === 'cpu') {
      // Not the garbage collector's memory: it is large, and is to be free when the block is closed.
      const address = OrtEnvironment.shared.allocate(length);
      if (length > 0) hostBytes(address, 0, length).fill(0);
      return new MemoryBlock(place, length, address);
    }
    const address = allocateOnDevice(place.id, length);
    const block = new MemoryBlock(place, length, address);
    clearOnDevice(place.id, address, length);
    return block;
  }

  private constructor(place: MemoryPlace, length: number, address: Pointer) {
    super('block', address, () => {
      if (place.device === 'cuda') freeOnDevice(place.id, address);
      else OrtEnvironment.shared.free(address);
    });
    this.place = place;
    this.length = length;
  }

  /**
   * A tensor that lies at an offset, bytes, its contents what is there. The block stays until it is closed. Throws
   * OrtError `invalid_argument`.
   */
  tensor(type: ElementType, dims: readonly number[], offset: number): OrtValue {
    this.#checkRange(offset, elementCount(dims) * bytesPerElement(type));
    return OrtValue.within(this.pointer + BigInt(offset), type, dims, this.place, this.retain());
  }

  /** The bytes themselves, where the block is on the host: not to be looked at when it is closed. */
  get bytes(): Uint8Array {
    if (this.place.device !== 'cpu') throw new OrtError('invalid_argument', 'a device has its memory for itself');
    return hostBytes(this.pointer, 0, this.length);
  }

  /** Writes bytes at an offset. When it returns, every later run of ONNX Runtime sees them. Throws OrtError. */
  write(offset: number, data: Uint8Array): void {
    this.#checkRange(offset, data.length);
    const address = this.pointer + BigInt(offset);
    if (this.place.device === 'cpu') hostBytes(this.pointer, offset, data.length).set(data);
    else copyToDevice(this.place.id, address, data);
  }

  /** A copy of the bytes at an offset. Throws OrtError. */
  read(offset: number, length: number): Uint8Array {
    this.#checkRange(offset, length);
    if (this.place.device === 'cpu') return hostBytes(this.pointer, offset, length).slice();
    return copyFromDevice(this.place.id, this.pointer + BigInt(offset), length);
  }

  #checkRange(offset: number, length: number): void {
    if (offset % 2 === 0 && offset >= 0 && offset + length <= this.length) return;
    throw new OrtError('invalid_argument', `${length} bytes at ${offset} are not within ${this.length}`);
  }
}

/** The bytes themselves, as long as the block is open. */
function hostBytes(address: Pointer, offset: number, length: number): Uint8Array {
  return new Uint8Array(koffi.view(address + BigInt(offset), length));
}
