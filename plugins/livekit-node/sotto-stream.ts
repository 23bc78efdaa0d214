// What LiveKit sees of one session: audio in, its events out.
import { APIError, createTimedString, normalizeLanguage, stt, type APIConnectOptions } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';
import type { SessionEvent, SottoError, StreamSession } from '@sotto/client';

export const SAMPLE_RATE = 16_000;
/** How much of a recording is sent at a time: a second. */
const PIECE_SAMPLES = SAMPLE_RATE;
const EVENT = stt.SpeechEventType;

export type SottoChanges = Parameters<StreamSession['configure']>[0];

export interface SottoStreamOptions {
  readonly open: () => StreamSession;
  /** Told which model serves. */
  readonly onModel: (name: string) => void;
  readonly onEnd: () => void;
  readonly connOptions?: APIConnectOptions | undefined;
}

export class SottoStream extends stt.SpeechStream {
  override readonly label = 'sotto.SpeechStream';
  readonly #onModel: (name: string) => void;
  readonly #open: () => StreamSession;
  readonly #onEnd: () => void;
  #session: StreamSession | undefined;
  /** Utterances that have begun and have no final yet. */
  readonly #speaking = new Set<number>();
  /** Why it ended, where it ended badly. */
  failure: APIError | undefined;

  constructor(sotto: stt.STT, { open, onModel, onEnd, connOptions }: SottoStreamOptions) {
    super(sotto, SAMPLE_RATE, connOptions);
    this.#open = open;
    this.#onModel = onModel;
    this.#onEnd = onEnd;
  }

  configure(changes: SottoChanges): void {
    this.#session?.configure(changes);
  }

  /** LiveKit's resampler takes all audio for mono. */
  override pushFrame(frame: AudioFrame): void {
    super.pushFrame(mono(frame));
  }

  override close(): void {
    super.close();
    this.#onEnd();
  }

  protected override async run(): Promise<void> {
    this.failure = undefined;
    // Closed before it began: an event that was sent is not sent again to those who come later.
    if (this.abortSignal.aborted) return;
    const session = this.#open();
    this.#session = session;
    this.abortSignal.addEventListener('abort', () => session.close(), { once: true });
    try {
      await Promise.all([this.#send(session), this.#tellAll(session[Symbol.asyncIterator]())]);
    } catch (error) {
      if (this.abortSignal.aborted) return;
      const { message, retryable } = error as SottoError;
      this.failure = new APIError(message, { retryable });
      throw this.failure;
    } finally {
      session.close();
      this.#session = undefined;
      for (const segmentId of this.#speaking) this.#over(segmentId);
    }
  }

  async #send(session: StreamSession): Promise<void> {
    await session.ready();
    for await (const item of this.input) {
      if (typeof item === 'symbol') {
        // Its answer comes as an event.
        session.finalize().catch(() => {});
        continue;
      }
      const samples = item.data;
      for (let at = 0; at < samples.length; at += PIECE_SAMPLES) {
        if (!session.send(samples.subarray(at, at + PIECE_SAMPLES))) await session.drained();
      }
    }
    await session.stop();
  }

  async #tellAll(events: AsyncIterable<SessionEvent>): Promise<void> {
    for await (const event of events) this.#tell(event);
  }

  #tell(event: SessionEvent): void {
    if (event.type === 'ready') this.#onModel(event.model);
    if (event.type === 'speechStarted') {
      if (this.#speaking.size === 0) this.#put({ type: EVENT.START_OF_SPEECH });
      this.#speaking.add(event.segmentId);
    }
    if (event.type === 'partial') this.#say(EVENT.INTERIM_TRANSCRIPT, event, event.stable + event.tentative);
    if (event.type === 'final') this.#say(EVENT.FINAL_TRANSCRIPT, event, event.text);
    if (event.type === 'final' || event.type === 'error') this.#over(event.segmentId);
    // What had no final comes again, as other utterances.
    if (event.type === 'restarted') for (const segmentId of this.#speaking) this.#over(segmentId);
    if (event.type === 'stopped') {
      this.#put({ type: EVENT.RECOGNITION_USAGE, recognitionUsage: { audioDuration: event.audioMs / 1_000 } });
    }
  }

  #over(segmentId = -1): void {
    if (this.#speaking.delete(segmentId) && this.#speaking.size === 0) this.#put({ type: EVENT.END_OF_SPEECH });
  }

  #say(type: stt.SpeechEventType, event: Extract<SessionEvent, { type: 'partial' | 'final' }>, text: string): void {
    if (text === '') return;
    const seconds = (ms: number): number => ms / 1_000 + this.startTimeOffset;
    const { words = [], language = '' } = event.type === 'final' ? event : {};
    const data: stt.SpeechData = {
      language: normalizeLanguage(language),
      text,
      startTime: seconds(event.startMs),
      endTime: seconds(event.endMs),
      confidence: mean(words.map(({ confidence }) => confidence)),
      words: words.map((word) =>
        createTimedString({ text: word.text, startTime: seconds(word.startMs), endTime: seconds(word.endMs) }),
      ),
    };
    this.#put({ type, alternatives: [data] });
  }

  #put(event: stt.SpeechEvent): void {
    if (!this.queue.closed) this.queue.put(event);
  }
}

function mono(frame: AudioFrame): AudioFrame {
  const { data, channels, sampleRate, samplesPerChannel } = frame;
  if (channels === 1) return frame;
  const samples = Int16Array.from({ length: samplesPerChannel }, (_, at) =>
    mean([...data.subarray(at * channels, (at + 1) * channels)]),
  );
  return new AudioFrame(samples, sampleRate, 1, samplesPerChannel);
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);
}
