// Whisper as graphs: from a Hugging Face folder to a network that hears and decodes.
export { compileWhisper, type CompileOptions, type CompiledWhisper } from './compile.js';
export { readWhisperConfig, type WhisperConfig } from './config.js';
export type { Precision } from './layers.js';
export { sampleRate, samplesPerEncoderFrame } from './mel-filters.js';
export {
  WhisperNetwork,
  type Choices,
  type CpuPrecision,
  type DecoderInput,
  type NetworkOptions,
  type WhisperDecoder,
} from './network.js';
export { buildPrompt, type Prompt, type PromptRequest } from './prompt.js';
