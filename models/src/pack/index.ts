export { packWhisper } from './pack-whisper.js';
