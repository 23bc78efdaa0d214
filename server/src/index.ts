// The public face of @sotto/server: what benches and other programs use of it without a socket.
export { decodeAudioFile, openAudioFile, type AudioFile } from './audio/audio-file.js';
export { AudioFileError, type AudioFileErrorCode, type AudioFileWarning } from './audio/audio-errors.js';
