// A tensor that ONNX Runtime can read and write: over a typed array of ours, or in a device's memory.
import koffi from 'koffi';
import {
  bytesPerElement,
  checkTensor,
  elementCount,
  elementTypeOf,
  onnxTypeOf,
  tensorOfBytes,
  type ElementType,
  type Tensor,
} from './element-types.js';
import { OrtEnvironment, cpuMemory, type MemoryPlace } from './environment.js';
import { check, ortApi, outOf, type Pointer } from './library.js';
import { copyFromDevice } from './cuda-runtime.js';
import { OrtError } from './errors.js';
import { NativeHandle } from './native-handle.js';

interface Shape {
  readonly type: ElementType;
  readonly dims: readonly number[];
}

export class OrtValue extends NativeHandle {
  #shape: Shape | undefined;
  readonly place: MemoryPlace;

  /**
   * A value over the tensor's own memory: nothing is copied, later writes to the array are seen by later runs, and a
   * bound output is written into it. The array lives at least as long as the native value. Throws OrtError
   * `invalid_argument`.
   */
  static fromTensor(tensor: Tensor): OrtValue {
    checkTensor(tensor);
    const { type, dims, data } = tensor;
    const address = data.byteLength === 0 ? null : koffi.address(data);
    return new OrtValue(tensorOver(address, type, dims, cpuMemory), cpuMemory, data);
  }

  /**
   * Made by `MemoryBlock.tensor`: a value over memory at an address. `letGo` is called when the native value is gone.
   */
  static within(
    address: Pointer,
    type: ElementType,
    dims: readonly number[],
    place: MemoryPlace,
    letGo: () => void,
  ): OrtValue {
    return new OrtValue(tensorOver(address, type, dims, place), place, undefined, letGo);
  }

  /**
   * Takes over a native value that lives in `place`. `data`: memory of ours that it uses, kept until it is released.
   */
  constructor(pointer: Pointer, place: MemoryPlace, data?: Tensor['data'], letGo?: () => void) {
    super(
      'value',
      pointer,
      () => {
        ortApi().releaseValue(pointer);
        letGo?.();
      },
      data,
    );
    this.place = place;
  }

  get type(): ElementType {
    return (this.#shape ??= shapeOf(this.pointer)).type;
  }

  get dims(): readonly number[] {
    return (this.#shape ??= shapeOf(this.pointer)).dims;
  }

  /** A copy of the contents, from a device's memory too. */
  read(): Tensor {
    const { type, dims } = this;
    const length = elementCount(dims) * bytesPerElement(type);
    if (length === 0) return tensorOfBytes(type, dims, new Uint8Array(0));
    // A view, then a copy: koffi.decode with a length keeps some bytes of its own for every call.
    const bytes =
      this.place.device === 'cpu'
        ? new Uint8Array(koffi.view(this.#address(), length)).slice()
        : copyFromDevice(this.place.id, this.#address(), length);
    return tensorOfBytes(type, dims, bytes);
  }

  /**
   * Single numbers of a float32 tensor, by their places in the flat contents; of the CPU's memory nothing else is
   * copied.
   */
  pick(places: ArrayLike<number>): Float32Array {
    if (this.type !== 'float32')
      throw new OrtError('unsupported_type', `numbers are picked of float32, not ${this.type}`);
    const length = elementCount(this.dims) * bytesPerElement('float32');
    const all =
      this.place.device === 'cpu'
        ? new Float32Array(koffi.view(this.#address(), length))
        : new Float32Array(copyFromDevice(this.place.id, this.#address(), length).buffer);
    // A plain loop: thousands are picked at each step.
    const picked = new Float32Array(places.length);
    for (let at = 0; at < places.length; at++) picked[at] = all[places[at] ?? 0] ?? 0;
    return picked;
  }

  #address(): Pointer {
    return outOf<Pointer>((out) => ortApi().getTensorMutableData(this.pointer, out));
  }
}

/** A native value over memory at an address; null where it holds nothing. */
function tensorOver(address: Pointer | null, type: ElementType, dims: readonly number[], place: MemoryPlace): Pointer {
  const memory = OrtEnvironment.shared.memoryInfo(place);
  const length = elementCount(dims) * bytesPerElement(type);
  const sizes = BigInt64Array.from(dims, BigInt);
  return outOf<Pointer>((out) =>
    ortApi().createTensorWithData(memory, address, length, sizes, dims.length, onnxTypeOf(type), out),
  );
}

function shapeOf(value: Pointer): Shape {
  const api = ortApi();
  const info = outOf<Pointer>((out) => api.getTensorTypeAndShape(value, out));
  try {
    const rank = outOf<number>((out) => api.getDimensionsCount(info, out));
    const dims = new BigInt64Array(rank);
    if (rank > 0) check(api.getDimensions(info, dims, rank));
    return {
      type: elementTypeOf(outOf<number>((out) => api.getTensorElementType(info, out))),
      dims: Array.from(dims, Number),
    };
  } finally {
    api.releaseTensorTypeAndShapeInfo(info);
  }
}
