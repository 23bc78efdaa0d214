// The public face of @sotto/server: what benches and other programs use of it without a socket.
export { decodeAudioFile, openAudioFile, type AudioFile } from './audio/audio-file.js';
export { AudioFileError, type AudioFileErrorCode, type AudioFileWarning } from './audio/audio-errors.js';
export type { DecodedToken, DecodeRequest, DecodeResult, Engine, EngineModel } from './asr/engine.js';
export { SileroVad } from './vad/silero-vad.js';
export { VadError, type VadErrorCode } from './vad/vad-error.js';
export { VAD_FRAME_SAMPLES, type VadStream, type VoiceActivityDetector } from './vad/vad.js';
export { nullEngineSpec } from './asr/engine-host/null-engine-spec.js';
export { ProcessEngine } from './asr/engine-host/process-engine.js';
export { whisperEngineSpec } from './asr/engine-host/whisper-engine-spec.js';
export { createOfflineTranscriber, type OfflineTranscriber } from './asr/offline-transcriber.js';
export { WhisperEngine, type DecodeTiming } from './asr/whisper-engine.js';
export { EndpointPolisher } from './polish/endpoint/endpoint-polisher.js';
export { findPolishModel } from './polish/find-polish-model.js';
export { HostedPolisher } from './polish/llama/host/hosted-polisher.js';
export type { Polisher, PolishRequest } from './polish/polisher.js';
