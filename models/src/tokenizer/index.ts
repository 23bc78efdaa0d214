// The tokenizer's public door.
export type { SpecialTokens } from './special-tokens.js';
export { TextStream } from './text-stream.js';
export { WhisperTokenizer } from './whisper-tokenizer.js';
export { mergePunctuation, splitWords, type TokenWord } from './words.js';
