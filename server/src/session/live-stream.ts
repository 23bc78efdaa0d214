// The audio of a started session on its way: timeline, resampling, VAD, endpointing, utterances.
import {
  LIMITS,
  type AudioMessage,
  type ConfigureMessage,
  type ErrorCode,
  type ServerMessage,
  type StartMessage,
} from '@sotto/protocol';
import type { DecodeTiming, Recognizer } from '../asr/recognizer.js';
import { Resampler } from '../audio/resampler.js';
import { Endpointer, type EndpointEvent } from '../vad/endpointing.js';
import { VAD_FRAME_SAMPLES, type VadStream, type VoiceActivityDetector } from '../vad/vad.js';
import { AudioRing } from './audio-ring.js';
import { SAMPLES_PER_MS } from '../audio/samples.js';
import type { Polishing } from '../polish/polishing.js';
import type { SessionCheckpoint } from './session-checkpoint.js';
import type { SessionLog } from './session-port.js';
import { changeSettings, startSettings, type SessionSettings, type StreamSettings } from './session-settings.js';
import { SessionPolish } from './session-polish.js';
import { Timeline } from './timeline.js';
import { Utterances, type Ending, type UtteranceTotals } from './utterances.js';

/** Audio, or progress, after which the client hears of it in an `ack`, milliseconds (rule BP1). */
const ACK_INTERVAL_MS = 250;
/**
 * Marks, finalizes and the like that may wait for the audio before them; a client that queues more is closed with
 * `too_many_messages`.
 */
export const PENDING_STEPS_MAX = 256;
/**
 * The longest audio before the present that an utterance can still begin with: pre-roll and onset at the largest
 * settings, milliseconds.
 */
const LOOKBACK_MS_MAX = 30_000;

export interface LiveStreamOptions {
  readonly vad: VoiceActivityDetector;
  readonly recognizer: Recognizer;
  /** Whether the client is there now. Absent: it is. */
  readonly isAttended?: (() => boolean) | undefined;
  /** Undefined: nothing is polished. */
  readonly polishing: Polishing | undefined;
  readonly settings: SessionSettings;
  readonly log: SessionLog;
  /** For the log. */
  readonly sessionId?: string | undefined;
  readonly send: (message: ServerMessage) => void;
  /** See UtterancesOptions. */
  readonly onDecode?: ((segmentId: number, decode: DecodeTiming) => void) | undefined;
  /** The stream cannot go on: `code` says why. */
  readonly onFatal: (code: ErrorCode, message: string, cause?: unknown) => void;
}

/** Something to do when all audio before a position is judged. */
interface Step {
  readonly at: number;
  readonly run: () => void;
}

/**
 * One stream from `start` to its end. Audio is judged frame by frame, one frame at a time in the VAD; nothing else
 * moves it: no timer, no clock. What a client asks for between chunks waits for the audio before it. Positions are
 * samples at 16 kHz.
 */
export class LiveStream {
  readonly #options: LiveStreamOptions;
  readonly #timeline: Timeline;
  readonly #resampler: Resampler;
  readonly #ring: AudioRing;
  readonly #vad: VadStream;
  readonly #endpointer: Endpointer;
  readonly #utterances: Utterances;
  readonly #polish: SessionPolish | undefined;
  readonly #frame = new Float32Array(VAD_FRAME_SAMPLES);
  readonly #steps: Step[] = [];
  readonly #rateHz: number;
  #settings: StreamSettings;
  /** Position where it begins: 0, or that of its checkpoint. */
  readonly #begin: number;
  #judged: number;
  /** End of the audio, once it is known: behind it lies padding. */
  #audioEnd = Infinity;
  #isWorking = false;
  #isClosed = false;
  /** Milliseconds of audio that came since the last ack, and the lag that it told. */
  #arrivedMs = 0;
  #ackedLagMs = 0;
  #whenDrained: (() => void)[] = [];

  /** @param from where it goes on, in place of a beginning */
  constructor(start: StartMessage, options: LiveStreamOptions, from?: SessionCheckpoint) {
    const { audio } = start;
    const { bufferedAudioMsMax } = options.settings;
    this.#options = options;
    this.#settings = from?.settings ?? startSettings(start, options.settings);
    this.#rateHz = audio.sampleRate;
    this.#begin = Math.round(((from?.offset ?? 0) * 1_000 * SAMPLES_PER_MS) / audio.sampleRate);
    this.#judged = this.#begin;
    this.#timeline = new Timeline(audio, from?.offset);
    this.#ring = new AudioRing(
      (2 * bufferedAudioMsMax + LIMITS.gapMsMax + LOOKBACK_MS_MAX) * SAMPLES_PER_MS,
      this.#begin,
    );
    this.#endpointer = new Endpointer(this.#settings.endpointing, this.#begin);
    const { polishing, log, send, sessionId } = options;
    this.#polish =
      polishing &&
      new SessionPolish({ polishing, log, send, sessionId, budgets: options.settings.polish }, from?.polish);
    this.#utterances = new Utterances(
      {
        recognizer: options.recognizer,
        isAttended: options.isAttended,
        ring: this.#ring,
        log,
        send,
        onFinal: (final, settings) => this.#polish?.add(final, settings.polish),
        lagMs: () => this.#lagMs,
        onDecode: options.onDecode,
        onProgress: () => this.#work(),
      },
      from?.utterances,
    );
    this.#vad = options.vad.open();
    this.#resampler = new Resampler(audio.sampleRate);
  }

  /** Audio received and not yet judged, milliseconds. */
  get backlogMs(): number {
    return (this.#ring.end - this.#judged) / SAMPLES_PER_MS;
  }

  /** All samples before this have arrived, at the client's rate. */
  get received(): number {
    return this.#timeline.received;
  }

  get totals(): UtteranceTotals & { readonly audioMs: number } {
    return { audioMs: Math.round((this.#timeline.received * 1_000) / this.#rateHz), ...this.#utterances.totals };
  }

  /** All that is told, for another process to go on from. */
  get checkpoint(): Pick<SessionCheckpoint, 'offset' | 'settings' | 'utterances' | 'polish'> {
    const unsettled = Math.min(this.#endpointer.horizon, this.#utterances.unsettledStart ?? Infinity);
    // At the edge of a frame: the VAD judges the same frames there as here, so speech begins at the same sample.
    const position = unsettled - ((unsettled - this.#begin) % VAD_FRAME_SAMPLES);
    return {
      offset: Math.floor((position * this.#rateHz) / (1_000 * SAMPLES_PER_MS)),
      settings: this.#utterances.unsettledSettings ?? this.#settings,
      utterances: this.#utterances.state,
      polish: this.#polish?.state,
    };
  }

  /** Takes a chunk. Problems that do not end the stream are sent as errors. */
  audio(message: AudioMessage): void {
    const durationMs = this.#timeline.durationMs(message.data.byteLength);
    const bound = 2 * this.#options.settings.bufferedAudioMsMax;
    if (this.backlogMs + durationMs > bound) {
      const text = `More than ${bound} ms of audio wait: send no more than ready.limits.bufferedAudioMsMax ahead.`;
      return this.#options.onFatal('audio_too_fast', text);
    }
    const { pieces, problems } = this.#timeline.accept(message);
    for (const { code, message, fatal } of problems) {
      if (fatal) return this.#options.onFatal(code, message);
      this.#options.send({ type: 'error', code, message, retryable: false, fatal: false });
    }
    for (const piece of pieces) this.#ring.push(this.#resampler.push(piece));
    this.#arrivedMs += durationMs;
    this.#ackIfDue();
    this.#work();
  }

  /** Other settings from the next utterance on, once the audio before is judged. */
  configure(change: ConfigureMessage): void {
    this.#later(() => {
      this.#settings = changeSettings(this.#settings, change);
      this.#endpointer.configure(this.#settings.endpointing);
    });
  }

  /** Ends the utterance in progress at the last sample that has arrived. */
  finalize(finalizeId: string | undefined): void {
    const at = this.#ring.end;
    this.#later(() => this.#finish(at, { reason: 'finalize', finalizeId }));
  }

  /** Echoes the mark when all audio before it is judged and the finals of it are sent. */
  mark(id: string): void {
    const offset = this.#timeline.received;
    this.#later(() => this.#utterances.answerInOrder({ type: 'mark', id, offset }));
  }

  /**
   * No more audio comes: ends the utterance in progress, and resolves when all answers are sent (never, once the stream
   * is closed).
   */
  async finish(reason: 'stop' | 'drain'): Promise<void> {
    this.#ring.push(this.#resampler.flush());
    const end = this.#ring.end;
    this.#audioEnd = end;
    this.#ring.push(
      new Float32Array((VAD_FRAME_SAMPLES - ((end - this.#begin) % VAD_FRAME_SAMPLES)) % VAD_FRAME_SAMPLES),
    );
    await new Promise<void>((resolve) => {
      // The last step has a place of its own: it is not refused, however many wait.
      this.#steps.push({
        at: this.#ring.end,
        run: () => {
          this.#finish(end, { reason: 'stop' });
          resolve();
        },
      });
      this.#work();
    });
    await this.#utterances.finished();
    await this.#polish?.finish(reason);
  }

  /** Calls back when less than half of the bound waits. */
  onceDrained(callback: () => void): void {
    this.#whenDrained.push(callback);
    queueMicrotask(() => this.#tellDrained());
  }

  /** Stops all work; nothing is sent any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#steps.length = 0;
    this.#whenDrained = [];
    this.#utterances.close();
    this.#polish?.close();
    this.#vad.close();
    this.#resampler.close();
  }

  get #lagMs(): number {
    const processed = Math.min(this.#judged, this.#utterances.processed);
    return Math.max(0, Math.round((this.#ring.end - processed) / SAMPLES_PER_MS));
  }

  #later(run: () => void): void {
    if (this.#steps.length >= PENDING_STEPS_MAX) {
      const text = `More than ${PENDING_STEPS_MAX} messages wait for the audio before them.`;
      return this.#options.onFatal('too_many_messages', text);
    }
    this.#steps.push({ at: this.#ring.end, run });
    this.#work();
  }

  /** Judges what waits, unless that is being done. */
  #work(): void {
    if (this.#isWorking || this.#isClosed) return;
    this.#isWorking = true;
    this.#goOn();
  }

  /** Does what can be done now. Where a frame is judged meanwhile, it goes on with its answer. */
  #goOn(): void {
    try {
      while (!this.#isClosed && this.#utterances.hasRoom) {
        const [step] = this.#steps;
        // A frame that is not full yet waits for its audio; a step does not wait for that.
        if (step !== undefined && step.at - this.#judged < VAD_FRAME_SAMPLES) {
          this.#steps.shift();
          step.run();
          this.#tellProgress();
        } else if (this.#ring.end - this.#judged >= VAD_FRAME_SAMPLES) {
          this.#ring.read(this.#judged, this.#frame);
          this.#vad.push(this.#frame).then(this.#onJudged, this.#onFailed);
          return;
        } else {
          break;
        }
      }
      this.#ackIfDue();
      // In the same turn as the last look at what waits, so that nothing that comes later is overlooked.
      this.#isWorking = false;
    } catch (error) {
      this.#onFailed(error);
    }
  }

  // Made once for a stream: a promise and its two answers are all that a frame leaves to be collected.
  readonly #onJudged = (probability: number): void => {
    try {
      const lullEnd = this.#isClosed ? undefined : this.#take(probability);
      if (lullEnd === undefined) this.#frameDone();
      // The audio behind a lull waits for the answer: where an utterance ends does not depend on when it comes.
      else this.#endIfComplete(lullEnd).then(this.#onLullOver, this.#onFailed);
    } catch (error) {
      this.#onFailed(error);
    }
  };

  readonly #onLullOver = (): void => {
    try {
      this.#frameDone();
    } catch (error) {
      this.#onFailed(error);
    }
  };

  readonly #onFailed = (error: unknown): void => {
    this.#isWorking = false;
    if (!this.#isClosed) this.#options.onFatal('internal', 'The server failed on this stream.', error);
  };

  /** What a frame's probability says. Returns where the utterance ends if the lull that it is in ends it. */
  #take(probability: number): number | undefined {
    this.#judged += VAD_FRAME_SAMPLES;
    this.#utterances.extend(this.#judged);
    for (const event of this.#endpointer.step(probability)) {
      if (event.type === 'start') this.#utterances.begin(event, this.#judged, this.#settings);
      else if (event.type === 'pause') this.#utterances.pause(event.end);
      // It is the last of its frame.
      else if (event.type === 'lull') return event.end;
      else this.#end(event);
      if (this.#isClosed) return undefined;
    }
    return undefined;
  }

  #frameDone(): void {
    if (!this.#isClosed) {
      this.#ring.forget(this.#endpointer.horizon);
      // Silence alone brings no new words. Where a pause may be about to come, its decode is the next one: it hears the
      // whole of what was said, and would wait for a partial that began a moment before it.
      const hasSpoken = this.#endpointer.hasSpeechAfter(this.#utterances.askedUntil ?? 0);
      if (hasSpoken && !this.#endpointer.isFallingSilent) this.#utterances.updateIfDue();
      this.#tellProgress();
    }
    this.#goOn();
  }

  #tellProgress(): void {
    this.#ackIfDue();
    this.#tellDrained();
  }

  async #endIfComplete(end: number): Promise<void> {
    if (!(await this.#utterances.isComplete(end)) || this.#isClosed) return;
    const event = this.#endpointer.endInLull();
    if (event !== undefined) this.#end(event);
  }

  #end({ end, speechRatio, reason }: Extract<EndpointEvent, { type: 'end' }>): void {
    this.#utterances.end(Math.min(end, this.#audioEnd), speechRatio, { reason });
    // The model's memory of loud speech makes it deaf to quiet speech for seconds; a pause has just been heard, so
    // nothing is lost with it.
    if (reason === 'endpoint') this.#vad.reset();
  }

  #finish(at: number, ending: Ending): void {
    const event = this.#endpointer.finish(at);
    if (event === undefined) return;
    this.#utterances.extend(event.end);
    this.#utterances.end(Math.min(event.end, this.#audioEnd), event.speechRatio, ending);
  }

  #ackIfDue(): void {
    if (this.#isClosed || (this.#arrivedMs < ACK_INTERVAL_MS && this.#ackedLagMs < ACK_INTERVAL_MS)) return;
    const lagMs = this.#lagMs;
    if (this.#arrivedMs < ACK_INTERVAL_MS && this.#ackedLagMs - lagMs < ACK_INTERVAL_MS) return;
    this.#arrivedMs = 0;
    this.#ackedLagMs = lagMs;
    this.#options.send({ type: 'ack', offset: this.#timeline.received, lagMs });
  }

  #tellDrained(): void {
    if (this.#whenDrained.length === 0 || this.backlogMs >= this.#options.settings.bufferedAudioMsMax / 2) return;
    for (const callback of this.#whenDrained.splice(0)) callback();
  }
}
