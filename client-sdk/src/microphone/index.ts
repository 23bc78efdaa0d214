// The public face of @sotto/client/microphone: sound in the browser, apart from the core so that who does not need it
// does not load it.
export {
  captureTab,
  fromMediaStream,
  openMicrophone,
  type AudioCapture,
  type CaptureEnd,
  type CaptureOptions,
  type MicrophoneOptions,
} from './audio-capture.js';
export { CAPTURE_WORKLET_SOURCE } from './capture-worklet.js';
export { CAPTURE_SAMPLE_RATE, CHUNK_MS, type AudioChunk } from './chunker.js';
export { listDevices, onDevicesChanged, type MicrophoneDevice } from './devices.js';
export { CaptureError, type CaptureErrorCode } from './errors.js';
export { FILE_BYTES_MAX, fromFile, sendSamples, type SendSamplesOptions } from './from-file.js';
export { SILENCE_DB, type Level } from './level.js';
export type { SpeechGateOptions } from './speech-gate.js';
