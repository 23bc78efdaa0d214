// Sound from files: decoded by the browser, and streamed as fast as the server takes it.
import type { StreamSession } from '../stream-session.js';
import { CAPTURE_SAMPLE_RATE, toInt16 } from './chunker.js';
import { CaptureError } from './errors.js';

/** Largest file that is decoded, bytes: browsers decode whole files, into four bytes a sample. */
export const FILE_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Decodes an audio or video file of any format that the browser knows (WAV, FLAC, MP3, AAC, Ogg, WebM, ...) to 16 kHz,
 * mono, signed 16-bit. Works in insecure contexts and in workers too.
 * @throws {CaptureError} unreadable_file, file_too_large, unsupported
 */
export async function fromFile(file: Blob): Promise<Int16Array> {
  if (typeof OfflineAudioContext === 'undefined') throw new CaptureError('unsupported');
  if (file.size > FILE_BYTES_MAX) throw new CaptureError('file_too_large');
  // Decoding converts to the context's rate; nothing is ever rendered.
  const context = new OfflineAudioContext(1, 1, CAPTURE_SAMPLE_RATE);
  try {
    return toInt16(mixToMono(await context.decodeAudioData(await file.arrayBuffer())));
  } catch (cause) {
    throw new CaptureError('unreadable_file', { cause });
  }
}

function mixToMono(audio: AudioBuffer): Float32Array {
  const channels = Array.from({ length: audio.numberOfChannels }, (_, channel) => audio.getChannelData(channel));
  const [only] = channels;
  if (only !== undefined && channels.length === 1) return only;
  const mono = new Float32Array(audio.length);
  for (const channel of channels)
    for (let at = 0; at < mono.length; at++) mono[at] = (mono[at] ?? 0) + (channel[at] ?? 0) / channels.length;
  return mono;
}

/** Samples of one message: 100 ms. */
const FILE_CHUNK_SAMPLES = CAPTURE_SAMPLE_RATE / 10;

export interface SendSamplesOptions {
  /** Ends it early, without an error. */
  readonly signal?: AbortSignal;
  /** Gets the samples sent so far, after each message. */
  readonly onProgress?: (sentSamples: number) => void;
}

/**
 * Sends samples as fast as the server takes them; resolves when all are sent, or the signal fired. Rejects if the
 * session ends meanwhile.
 */
export async function sendSamples(
  session: Pick<StreamSession, 'send' | 'drained'>,
  samples: Int16Array,
  { signal, onProgress }: SendSamplesOptions = {},
): Promise<void> {
  for (let at = 0; at < samples.length; at += FILE_CHUNK_SAMPLES) {
    if (signal?.aborted === true) return;
    const chunk = samples.subarray(at, at + FILE_CHUNK_SAMPLES);
    if (!session.send(chunk)) await session.drained();
    onProgress?.(at + chunk.length);
  }
}
