// The conversion's public door.
export { convertWhisper, type ConvertOptions } from './convert-whisper.js';
export { sourceKind, type SourceKind } from './source-kind.js';
