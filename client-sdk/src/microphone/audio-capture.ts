// Captures live sound in the browser, from a microphone, a shared tab or any MediaStream, as chunks that are ready to
// send.
import { deferred } from '../deferred.js';
import { CAPTURE_PROCESSOR, CAPTURE_WORKLET_SOURCE } from './capture-worklet.js';
import { Chunker, type AudioChunk } from './chunker.js';
import { mediaDevices } from './devices.js';
import { CaptureError, captureErrorOf } from './errors.js';
import type { Level } from './level.js';
import type { SpeechGateOptions } from './speech-gate.js';

export interface CaptureOptions {
  /**
   * Gets the sound: 16 kHz, mono, signed 16-bit, 40 ms at a time. `session.send(chunk.samples)` is all that is needed.
   */
  readonly onChunk: (chunk: AudioChunk) => void;
  /** Gets the loudness of each chunk, 25 times a second, before the speech gate. */
  readonly onLevel?: (level: Level) => void;
  /**
   * Lets only what sounds like speech leave the page; all else becomes digital silence of the same length (see
   * {@link SpeechGateOptions}). A caller may leave out chunks that are not `isSpeech` to save bandwidth, but the times
   * of the stream then count only what was sent. Default false.
   */
  readonly speechOnly?: boolean | SpeechGateOptions;
  /** Address of a file with {@link CAPTURE_WORKLET_SOURCE}, for pages that forbid `blob:` scripts. Default: a blob. */
  readonly workletUrl?: string | URL;
}

export interface MicrophoneOptions extends CaptureOptions {
  /** One of `listDevices`. Default: the system's choice. */
  readonly deviceId?: string;
  /**
   * What the browser does to the sound; the defaults suit a person in front of a laptop. Turn all off for a good
   * microphone or music. Each default true.
   */
  readonly echoCancellation?: boolean;
  readonly noiseSuppression?: boolean;
  readonly autoGainControl?: boolean;
}

/** Why a capture ended. Without `error` it was stopped. */
export interface CaptureEnd {
  readonly error?: CaptureError;
}

/**
 * Asks for the microphone and captures it until `stop`. Call it from a click: browsers start audio only then.
 * @throws {CaptureError} permission_denied, no_device, device_busy, insecure_context, unsupported, capture_failed
 */
export async function openMicrophone(options: MicrophoneOptions): Promise<AudioCapture> {
  const { deviceId, echoCancellation = true, noiseSuppression = true, autoGainControl = true } = options;
  const processing = { echoCancellation, noiseSuppression, autoGainControl };
  const audio = { ...processing, ...(deviceId === undefined ? {} : { deviceId: { exact: deviceId } }) };
  return openStream((devices) => devices.getUserMedia({ audio }), options);
}

/**
 * Lets the person choose a browser tab (or a screen, where the system can) and captures its sound. Needs a
 * click.
 * @throws {CaptureError} as {@link openMicrophone}, and no_audio if the choice carries no sound
 */
export async function captureTab(options: CaptureOptions): Promise<AudioCapture> {
  return openStream(async (devices) => {
    if (typeof devices.getDisplayMedia !== 'function') throw new CaptureError('unsupported');
    // Chrome shares sound only together with a picture, which is let go at once.
    const stream = await devices.getDisplayMedia({ audio: true, video: true });
    for (const track of stream.getVideoTracks()) {
      track.stop();
      stream.removeTrack(track);
    }
    return stream;
  }, options);
}

/**
 * Captures a stream that the page has already: a call's remote side, an `<audio>` element's. Its tracks stay the
 * caller's: `stop` leaves them running.
 * @throws {CaptureError} no_audio, unsupported, insecure_context, capture_failed
 */
export async function fromMediaStream(stream: MediaStream, options: CaptureOptions): Promise<AudioCapture> {
  return AudioCapture.start(newContext(), stream, options, false);
}

async function openStream(
  open: (devices: MediaDevices) => Promise<MediaStream>,
  options: CaptureOptions,
): Promise<AudioCapture> {
  // Made before anything is awaited: Safari runs only contexts that were made within the click.
  const context = newContext();
  let stream: MediaStream;
  try {
    const devices = mediaDevices();
    if (devices === undefined) throw new CaptureError('unsupported');
    stream = await open(devices);
  } catch (error) {
    await context.close();
    throw captureErrorOf(error);
  }
  return AudioCapture.start(context, stream, options, true);
}

function newContext(): AudioContext {
  if (typeof isSecureContext !== 'undefined' && !isSecureContext) throw new CaptureError('insecure_context');
  if (typeof AudioContext === 'undefined' || typeof AudioWorkletNode === 'undefined')
    throw new CaptureError('unsupported');
  return new AudioContext();
}

/** How long `stop` waits for the last block of the audio thread, milliseconds: a suspended one never answers. */
const LAST_BLOCK_TIMEOUT_MS = 300;

/**
 * A running capture. It continues while its tab is in the background: browsers slow down timers there, but neither the
 * audio thread nor its messages. Phones may take the microphone away when the screen is locked; the capture then
 * continues when the page is visible again, without what was said meanwhile.
 */
export class AudioCapture {
  /** Resolves when the capture has ended, whether by `stop` or because the device was lost; never rejects. */
  readonly ended: Promise<CaptureEnd>;
  /** The device's name. */
  readonly label: string;
  readonly deviceId: string | undefined;

  readonly #context: AudioContext;
  readonly #node: AudioWorkletNode;
  readonly #chunker: Chunker;
  readonly #tracks: readonly MediaStreamTrack[];
  readonly #ownsTracks: boolean;
  readonly #end = deferred<CaptureEnd>();
  readonly #lastBlock = deferred<void>();
  readonly #resume = (): void => {
    const { state } = this.#context;
    // Refused until the page has been clicked or is seen again: both come back here.
    if (state !== 'closed' && state !== 'running') this.#context.resume().catch(() => undefined);
  };
  #stopping: Promise<void> | undefined;

  private constructor(context: AudioContext, stream: MediaStream, options: CaptureOptions, ownsTracks: boolean) {
    const { onChunk, onLevel, speechOnly = false } = options;
    this.#context = context;
    this.#tracks = stream.getAudioTracks();
    this.#ownsTracks = ownsTracks;
    this.ended = this.#end.promise;
    this.label = this.#tracks[0]?.label ?? '';
    this.deviceId = this.#tracks[0]?.getSettings().deviceId;
    this.#chunker = new Chunker({
      inputRate: context.sampleRate,
      onChunk,
      ...(onLevel === undefined ? {} : { onLevel }),
      ...(speechOnly === false ? {} : { gate: speechOnly === true ? {} : speechOnly }),
    });
    this.#node = new AudioWorkletNode(context, CAPTURE_PROCESSOR);
    this.#node.port.addEventListener('message', ({ data }) => this.#receive(data));
    this.#node.port.start();
    // Its output is silence; without a way to the speakers Safari does not run it.
    context.createMediaStreamSource(stream).connect(this.#node).connect(context.destination);
    this.#tracks[0]?.addEventListener('ended', () => void this.#finish(new CaptureError('device_lost')));
    document.addEventListener('visibilitychange', this.#resume);
    context.addEventListener('statechange', this.#resume);
    this.#resume();
  }

  /** Use {@link openMicrophone}, {@link captureTab} or {@link fromMediaStream}. @internal */
  static async start(
    context: AudioContext,
    stream: MediaStream,
    options: CaptureOptions,
    ownsTracks: boolean,
  ): Promise<AudioCapture> {
    try {
      if (stream.getAudioTracks().length === 0) throw new CaptureError('no_audio');
      await addCaptureModule(context, options.workletUrl);
      return new AudioCapture(context, stream, options, ownsTracks);
    } catch (error) {
      if (ownsTracks) for (const track of stream.getTracks()) track.stop();
      await context.close();
      throw captureErrorOf(error);
    }
  }

  /** Hands out what was captured so far, then releases the device. May be called twice. */
  stop(): Promise<void> {
    return this.#finish();
  }

  #finish(error?: CaptureError): Promise<void> {
    this.#stopping ??= this.#release(error === undefined ? {} : { error });
    return this.#stopping;
  }

  async #release(end: CaptureEnd): Promise<void> {
    document.removeEventListener('visibilitychange', this.#resume);
    this.#context.removeEventListener('statechange', this.#resume);
    this.#node.port.postMessage('stop', []);
    const timer = setTimeout(() => this.#lastBlock.resolve(), LAST_BLOCK_TIMEOUT_MS);
    await this.#lastBlock.promise;
    clearTimeout(timer);
    this.#node.disconnect();
    this.#node.port.close();
    if (this.#ownsTracks) for (const track of this.#tracks) track.stop();
    await this.#context.close();
    this.#chunker.flush();
    this.#end.resolve(end);
  }

  #receive(data: unknown): void {
    if (data instanceof Float32Array) this.#chunker.push(data);
    else this.#lastBlock.resolve();
  }
}

async function addCaptureModule(context: AudioContext, workletUrl: string | URL | undefined): Promise<void> {
  if (workletUrl !== undefined) return context.audioWorklet.addModule(workletUrl);
  const blob = URL.createObjectURL(new Blob([CAPTURE_WORKLET_SOURCE], { type: 'text/javascript' }));
  try {
    await context.audioWorklet.addModule(blob);
  } finally {
    URL.revokeObjectURL(blob);
  }
}
