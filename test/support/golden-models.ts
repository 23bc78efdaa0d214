// The models that have golden files (models/reference).
import { tinyWhisperFolder } from './fixtures.js';

export const goldenModels = [{ name: 'tiny-whisper', directory: tinyWhisperFolder }] as const;
