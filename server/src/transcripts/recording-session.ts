// A session whose finals are kept: the session itself never knows that it is recorded.
import type { ClientMessage, CloseReason, PolishedMessage, ServerMessage, StartMessage } from '@sotto/protocol';
import type { SessionCheckpoint } from '../session/session-checkpoint.js';
import { SessionDecorator } from '../session/session-decorator.js';
import type { SessionFactory, SessionSink } from '../session/session-port.js';
import { POLISH_AWAITED_MAX, type SessionRecorder } from './session-recorder.js';
import type { KeptSegment } from './transcript.js';
import type { TranscriptWriter } from './transcript-writer.js';

export class RecordingSession extends SessionDecorator {
  readonly #recorder: SessionRecorder;
  readonly #owner: string | undefined;
  #start: StartMessage | undefined;
  #writer: TranscriptWriter | undefined;
  readonly #unpolished = new Map<number, KeptSegment>();

  /** @param owner the key that the transcript belongs to */
  constructor(create: SessionFactory, sink: SessionSink, recorder: SessionRecorder, owner?: string) {
    super(create, sink);
    this.#recorder = recorder;
    this.#owner = owner;
  }

  override receive(message: ClientMessage): void {
    if (message.type === 'start') this.#start ??= message;
    super.receive(message);
  }

  /** What is not written would be lost with this process. */
  override checkpoint(): SessionCheckpoint | undefined {
    return this.#writer?.isSettled === false ? undefined : super.checkpoint();
  }

  override async restore(checkpoint: SessionCheckpoint): Promise<boolean> {
    const { sessionId, utterances } = checkpoint;
    this.#start ??= checkpoint.start;
    this.#writer = await this.#recorder.goOn(sessionId, utterances.count);
    if (checkpoint.polish !== undefined) {
      for (const segment of await this.#recorder.unpolished(sessionId, utterances.count)) {
        this.#unpolished.set(segment.segmentId, segment);
      }
    }
    return super.restore(checkpoint);
  }

  override abandon(goesOn?: boolean): void {
    super.abandon(goesOn);
    this.#finish();
  }

  protected override send(message: ServerMessage): void {
    // The client first: its words never wait for a disk.
    this.sink.send(message);
    this.#observe(message);
  }

  #observe(message: ServerMessage): void {
    switch (message.type) {
      case 'ready': {
        const { language = 'auto', task = 'transcribe' } = this.#start ?? {};
        this.#writer ??= this.#recorder.begin({
          id: message.sessionId,
          owner: this.#owner,
          model: message.model,
          language,
          task,
        });
        return;
      }
      case 'final':
        if (message.text.trim() !== '') this.#keep({ ...message, polished: undefined });
        return;
      case 'polished':
        return this.#keepPolished(message);
      case 'stopped':
        return this.#writer?.set({ audioMs: message.audioMs });
      default:
    }
  }

  #keep(heard: KeptSegment): void {
    const { segmentId, text, startMs, endMs, language, avgLogprob, noSpeechProb, words, polished, channel } = heard;
    const segment = {
      segmentId,
      text,
      startMs,
      endMs,
      language,
      avgLogprob,
      noSpeechProb,
      ...(words !== undefined && { words }),
      ...(polished !== undefined && { polished }),
      ...(channel !== undefined && { channel }),
    };
    this.#writer?.keep(segment);
    this.#unpolished.set(segmentId, segment);
    const [oldest] = this.#unpolished.keys();
    if (this.#unpolished.size > POLISH_AWAITED_MAX && oldest !== undefined) this.#unpolished.delete(oldest);
  }

  #keepPolished({ scope, segmentId = -1, text }: PolishedMessage): void {
    if (scope === 'session') return this.#keepWhole(text);
    const segment = this.#unpolished.get(segmentId);
    if (segment === undefined) return;
    this.#unpolished.delete(segmentId);
    this.#writer?.keep({ ...segment, polished: text });
  }

  /** A long session is polished in parts. */
  #keepWhole(text: string): void {
    const before = this.#writer?.record.polished;
    this.#writer?.set({ polished: before === undefined ? text : `${before}\n\n${text}` });
  }

  protected override end(reason: CloseReason): void {
    this.sink.end(reason);
    this.#finish();
  }

  #finish(): void {
    if (this.#writer === undefined) return;
    void this.#recorder.finish(this.#writer);
    this.#writer = undefined;
  }
}
