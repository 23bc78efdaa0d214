// One Wyoming client: what it asks, and the recordings that it sends one after another.
import { CodedError } from '@sotto/protocol';
import type { SessionPort, SessionSink } from '../../session/session-port.js';
import { VERSION } from '../../version.js';
import { Pcm, Ping, readData, Transcribe } from './schemas.js';
import { Turn } from './turn.js';
import type { Send, WyomingEvent } from './wire.js';

export interface ConversationOptions {
  readonly model: { readonly name: string; readonly languages: readonly string[] };
  /** Opens a stream of this client. Throws CodedError where it may have none now. */
  readonly open: (sink: SessionSink) => OpenedStream;
  /** Audio that may wait before this client is read no further, milliseconds. */
  readonly backlogMsMax: number;
  readonly send: Send;
}

export interface OpenedStream {
  readonly session: SessionPort;
  /** Gives its place back. May be called twice. */
  readonly release: () => void;
}

const NOTHING_ASKED: Transcribe = { transcript_names: [], transcript_terms: [] };
const SOTTO = { name: 'Sotto', url: '' };

export class WyomingConversation {
  readonly #options: ConversationOptions;
  #asked: Transcribe = NOTHING_ASKED;
  #turn: Turn | undefined;
  /** A recording could not be taken: the rest of it is left unread, up to its `audio-stop`. */
  #isSkipping = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  /** Takes one event; resolves when the next may come. What is wrong with it is answered with `error`. */
  async take(event: WyomingEvent): Promise<void> {
    try {
      await this.#take(event);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#turn?.abandon();
      this.#turn = undefined;
      this.#isSkipping = event.type.startsWith('audio-');
      this.#options.send('error', { text: `${event.type}: ${error.message}`, code: error.code });
    }
    await this.#drained();
  }

  async drain(): Promise<void> {
    await this.#turn?.drain();
  }

  /** The client is gone. May be called twice. */
  abandon(): void {
    this.#turn?.abandon();
  }

  async #take({ type, data, payload }: WyomingEvent): Promise<void> {
    switch (type) {
      case 'describe':
        return this.#options.send('info', infoOf(this.#options.model));
      case 'ping':
        return this.#options.send('pong', { text: readData(Ping, data).text ?? null });
      case 'transcribe':
        this.#isSkipping = false;
        this.#asked = readData(Transcribe, data);
        return;
      case 'audio-start':
        this.#isSkipping = false;
        this.#turn?.abandon();
        this.#turn = this.#begin(readData(Pcm, data));
        return;
      case 'audio-chunk':
        if (this.#isSkipping) return;
        // Some clients send no `audio-start`: every chunk tells its format.
        this.#turn ??= this.#begin(readData(Pcm, data));
        return this.#turn.audio(payload);
      case 'audio-stop':
        this.#isSkipping = false;
        // The next recording is read when this one is transcribed.
        this.#turn?.stop();
        await this.#turn?.over;
        this.#turn = undefined;
        return;
      default:
        // Unknown events are dropped, as Wyoming wants it.
        return;
    }
  }

  #begin(pcm: Pcm): Turn {
    let opened: OpenedStream | undefined;
    const turn = new Turn({
      createSession: (sink) => {
        opened = this.#options.open(sink);
        return opened.session;
      },
      pcm,
      asked: this.#asked,
      send: this.#options.send,
    });
    void turn.over.then(() => opened?.release());
    return turn;
  }

  /** Audio that waits slows its client down. */
  async #drained(): Promise<void> {
    const turn = this.#turn;
    if (turn === undefined || turn.backlogMs <= this.#options.backlogMsMax) return;
    await Promise.race([turn.over, new Promise<void>((resolve) => turn.onceDrained(resolve))]);
  }
}

/** The answer to `describe`: one program with one model. */
function infoOf({ name, languages }: ConversationOptions['model']): Readonly<Record<string, unknown>> {
  const about = { attribution: SOTTO, installed: true, version: VERSION };
  const model = { ...about, name, description: name, languages };
  const asr = {
    ...about,
    name: 'sotto',
    description: 'Sotto: live speech to text',
    models: [model],
    supports_transcript_streaming: true,
  };
  return { asr: [asr], tts: [], handle: [], intent: [], wake: [], mic: [], snd: [] };
}
