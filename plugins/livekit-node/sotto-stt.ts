// Speech to text of LiveKit Agents by a Sotto server, on Sotto's own wire:
// `new voice.AgentSession({ stt: new SottoSTT({ url: 'ws://127.0.0.1:8080/v1/stream' }) })`.
import { normalizeLanguage, stt, type APIConnectOptions, type AudioBuffer } from '@livekit/agents';
import { combineAudioFrames } from '@livekit/rtc-node';
import { connect, type ConnectOptions, type StreamSession } from '@sotto/client';
import { WebSocket } from 'ws';
import { mean, SAMPLE_RATE, SottoStream, type SottoChanges } from './sotto-stream.js';

/** The server, and what its sessions are asked for: language, hotwords, endpointing, replacements, … */
export interface SottoSTTOptions extends Omit<ConnectOptions, 'audio' | 'share'> {
  readonly url: string;
}

export class SottoSTT extends stt.STT {
  override readonly label = 'sotto.STT';
  #options: SottoSTTOptions;
  #keyterms: readonly string[] = [];
  readonly #streams = new Set<SottoStream>();
  /** Told by the server that serves. */
  servingModel = 'unknown';

  constructor(options: SottoSTTOptions) {
    super({ streaming: true, interimResults: true, alignedTranscript: 'word', keyterms: true });
    this.#options = options;
  }

  override get model(): string {
    return this.servingModel;
  }

  override get provider(): string {
    return 'Sotto';
  }

  override stream({ connOptions }: { readonly connOptions?: APIConnectOptions } = {}): SottoStream {
    const open = (): StreamSession => {
      const { url, ...options } = this.#options;
      const hotwords = this.#hotwords();
      return connect(url, { webSocket, words: true, ...options, hotwords, audio: { sampleRate: SAMPLE_RATE } });
    };
    const stream: SottoStream = new SottoStream(this, {
      open,
      onModel: (name) => (this.servingModel = name),
      onEnd: () => this.#streams.delete(stream),
      connOptions,
    });
    this.#streams.add(stream);
    return stream;
  }

  /** Changes settings of this and of the streams that run, from their next utterance on. */
  updateOptions(changes: SottoChanges): void {
    this.#options = { ...this.#options, ...changes };
    for (const stream of this.#streams) stream.configure(changes);
  }

  override _updateSessionKeyterms(keyterms: string[]): void {
    this.#keyterms = keyterms;
    for (const stream of this.#streams) stream.configure({ hotwords: this.#hotwords() });
  }

  #hotwords(): string[] {
    return [...new Set([...(this.#options.hotwords ?? []), ...this.#keyterms])];
  }

  override async _recognize(buffer: AudioBuffer, signal?: AbortSignal): Promise<stt.SpeechEvent> {
    signal?.throwIfAborted();
    const stream = this.stream();
    signal?.addEventListener('abort', () => stream.close(), { once: true });
    stream.pushFrame(combineAudioFrames(buffer));
    stream.endInput();
    const finals: stt.SpeechData[] = [];
    for await (const { type, alternatives = [] } of stream) {
      if (type === stt.SpeechEventType.FINAL_TRANSCRIPT) finals.push(...alternatives);
    }
    signal?.throwIfAborted();
    if (stream.failure !== undefined) throw stream.failure;
    const data: stt.SpeechData = {
      language: finals[0]?.language ?? normalizeLanguage(''),
      text: finals.map(({ text }) => text).join(' '),
      startTime: finals[0]?.startTime ?? 0,
      endTime: finals.at(-1)?.endTime ?? 0,
      confidence: mean(finals.map(({ confidence }) => confidence)),
      words: finals.flatMap(({ words = [] }) => words),
    };
    return { type: stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives: [data] };
  }
}

/** Node before 22 has no WebSocket of its own. */
const webSocket: NonNullable<ConnectOptions['webSocket']> = (url, protocols) => new WebSocket(url, [...protocols]);
