// ONNX Runtime's C API with types and lifetimes: the only part of the project that knows native pointers.
//
//   const session = await OrtSession.load('model.onnx', { intraOpThreads: 1 });
//   const { output } = await session.run({ input: { type: 'float32', dims: [1, 512], data: samples } }, ['output']);
//   session.close();
//
// `run` takes and gives plain typed arrays and never blocks the event loop. Tensors that should stay where they are
// between runs (caches, a device's memory) go through `session.bind()`:
//
//   const binding = session.bind();
//   const outputs = await binding.input('past', past).output('present').run();
//   past.close();
//   past = outputs.get('present');
//
// Everything with a `close()` counts in `liveHandles()` until it is closed.
export { freeDeviceMemory } from './cuda-runtime.js';
export type { OrtBinding } from './binding.js';
export { bytesPerElement, elementCount, type ElementType, type Tensor } from './element-types.js';
export { OrtEnvironment, cpuMemory, type MemoryPlace } from './environment.js';
export { keepHeapSmall, returnFreedMemory } from './heap.js';
export { OrtError, type OrtErrorCode } from './errors.js';
export { blockAlignment, MemoryBlock } from './memory-block.js';
export { liveHandles, type HandleKind } from './native-handle.js';
export type { CudaProvider, SessionOptions } from './session-options.js';
export { OrtSession } from './session.js';
export { OrtValue } from './value.js';
