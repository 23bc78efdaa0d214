// What a model is: the runtime that runs it, the Whisper graphs, the registry and the tokenizer.
export * from './onnxruntime/index.js';
export * from './convert/index.js';
export * from './devices/index.js';
export * from './hub/index.js';
export * from './model-error.js';
export * from './pack/index.js';
export * from './quality/index.js';
export * from './registry/index.js';
export * from './silero/index.js';
export * from './synth/index.js';
export * from './tokenizer/index.js';
export * from './whisper/index.js';
