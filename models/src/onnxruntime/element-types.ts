// Tensors as plain typed arrays, and how their element types are numbered in ONNX.
import { OrtError } from './errors.js';

interface TensorDataOf {
  float32: Float32Array;
  /** IEEE 754 half precision, as bits. */
  float16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  /** 0 or 1. */
  bool: Uint8Array;
  uint8: Uint8Array;
  int8: Int8Array;
}

export type ElementType = keyof TensorDataOf;

/** A tensor in JavaScript's memory, row-major; `data.length` is the product of `dims` (1 for a scalar, `dims: []`). */
export type Tensor = {
  readonly [T in ElementType]: { readonly type: T; readonly dims: readonly number[]; readonly data: TensorDataOf[T] };
}[ElementType];

interface ElementTypeFacts {
  /** `ONNXTensorElementDataType`, the same numbers as ONNX's `TensorProto.DataType`. */
  readonly onnx: number;
  readonly bytes: number;
  readonly typedArray: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => Tensor['data'];
}

const facts: { readonly [T in ElementType]: ElementTypeFacts } = {
  float32: { onnx: 1, bytes: 4, typedArray: Float32Array },
  float16: { onnx: 10, bytes: 2, typedArray: Uint16Array },
  int64: { onnx: 7, bytes: 8, typedArray: BigInt64Array },
  int32: { onnx: 6, bytes: 4, typedArray: Int32Array },
  bool: { onnx: 9, bytes: 1, typedArray: Uint8Array },
  uint8: { onnx: 2, bytes: 1, typedArray: Uint8Array },
  int8: { onnx: 3, bytes: 1, typedArray: Int8Array },
};

const typeOfOnnx = new Map<number, ElementType>(
  (Object.keys(facts) as ElementType[]).map((type) => [facts[type].onnx, type]),
);

export function onnxTypeOf(type: ElementType): number {
  return facts[type].onnx;
}

export function bytesPerElement(type: ElementType): number {
  return facts[type].bytes;
}

/** Throws OrtError `unsupported_type` for element types that this module does not carry. */
export function elementTypeOf(onnx: number): ElementType {
  const type = typeOfOnnx.get(onnx);
  if (type === undefined)
    throw new OrtError('unsupported_type', `tensors of ONNX element type ${onnx} are not supported`);
  return type;
}

export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/** Throws OrtError `invalid_argument` when dims, type and data do not fit each other. */
export function checkTensor(tensor: Tensor): void {
  const { type, dims, data } = tensor;
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    throw new OrtError('invalid_argument', `dims [${dims.join(', ')}] are not whole numbers from 0`);
  }
  if (!(data instanceof facts[type].typedArray)) {
    throw new OrtError('invalid_argument', `${type} data must be a ${facts[type].typedArray.name}`);
  }
  if (data.length !== elementCount(dims)) {
    throw new OrtError('invalid_argument', `dims [${dims.join(', ')}] do not fit ${data.length} elements`);
  }
}

/** Bytes (not shared with others) seen as a tensor. */
export function tensorOfBytes(type: ElementType, dims: readonly number[], bytes: Uint8Array): Tensor {
  const data = new facts[type].typedArray(bytes.buffer, bytes.byteOffset, elementCount(dims));
  // The table pairs each type with its typed array; the compiler cannot follow the pairing through the lookup.
  return { type, dims, data } as Tensor;
}
