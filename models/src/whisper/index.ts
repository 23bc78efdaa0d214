// Whisper as graphs: from a Hugging Face folder to a network that hears and decodes.
export { compileWhisper, type CompileOptions, type CompiledWhisper } from './compile.js';
export { readWhisperConfig, type WhisperConfig } from './config.js';
export type { Kernels, Precision } from './layers.js';
export { sampleRate, samplesPerEncoderFrame } from './mel-filters.js';
export type { Cache } from './decode-graph.js';
export type { TokenRule } from './token-choice.js';
export { deviceMemoryNeed, largestBatchWithin, type MemoryNeed } from './device-memory.js';
export { hostMemory, secondsWithin, type HostMemory } from './host-memory.js';
export type { Choices, DecoderInput, View, WhisperDecoder } from './decoder.js';
export { WhisperNetwork, type CpuPrecision, type NetworkOptions } from './network.js';
export type { KeptLogits } from './kept-logits.js';
export { recordedBatches } from './window-memory.js';
export { buildPrompt, type Prompt, type PromptRequest } from './prompt.js';
