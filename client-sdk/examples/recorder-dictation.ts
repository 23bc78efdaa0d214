// Streams what a phone's recorder hears: for React Native, where the sound comes from a recorder library and not from a
// browser's microphone.
import { BufferFullError, connect, TranscriptView, type ConnectOptions, type SottoError } from '@sotto/client';

/** What recorders of React Native have in common: 16-bit little-endian PCM, 16 kHz, mono, as base64, chunk by chunk. */
export interface PcmRecorder {
  start(onChunk: (base64: string) => void): void | Promise<void>;
  stop(): void | Promise<void>;
}

export interface DictationOptions extends Pick<ConnectOptions, 'language' | 'token' | 'webSocket'> {
  /** Gets the text whenever it has changed: what is certain, and what may still change. */
  readonly onText: (certain: string, tentative: string) => void;
  /** The connection is away (audio is kept meanwhile), or back. */
  readonly onConnected?: (isConnected: boolean) => void;
}

export interface Dictation {
  /** Stops the recorder, waits for the last words and resolves with the whole text. Rejects with {@link SottoError}. */
  stop(): Promise<string>;
  /** Resolves when the session has ended, with an error where it ended badly. */
  readonly ended: Promise<SottoError | undefined>;
}

/** Starts to listen. `url` is the server's stream, such as `wss://captions.example/v1/stream`. */
export async function startDictation(
  url: string,
  recorder: PcmRecorder,
  options: DictationOptions,
): Promise<Dictation> {
  const { onText, onConnected = () => {}, ...rest } = options;
  const session = connect(url, rest);
  const view = new TranscriptView();
  for (const type of ['partial', 'final', 'error', 'restarted'] as const) {
    session.on(type, (event) => {
      if (!view.apply(event)) return;
      const { text, tentative } = view;
      onText(text.slice(0, text.length - tentative.length), tentative);
    });
  }
  session.on('reconnecting', () => onConnected(false));
  session.on('resumed', () => onConnected(true));
  session.on('restarted', () => onConnected(true));

  let isOver = false;
  const ended = session.closed.then(async ({ error }) => {
    isOver = true;
    await recorder.stop();
    return error;
  });
  await recorder.start((base64) => {
    if (isOver) return;
    try {
      session.send(bytesOfBase64(base64));
    } catch (error) {
      // The network has been away for longer than what may be kept (`bufferedMsMax`): this chunk is lost.
      if (!(error instanceof BufferFullError)) throw error;
    }
  });
  return {
    ended,
    stop: async () => {
      await recorder.stop();
      isOver = true;
      await session.stop();
      return view.text;
    },
  };
}

/** The face of `react-native-live-audio-stream`; `@fugood/react-native-audio-pcm-stream` has the same. */
export interface LiveAudioStream {
  init(options: {
    sampleRate: number;
    channels: number;
    bitsPerSample: number;
    audioSource?: number;
    bufferSize?: number;
  }): void;
  on(event: 'data', listener: (base64: string) => void): void;
  start(): void;
  stop(): void | Promise<unknown>;
}

/** That library as a recorder. Ask for the microphone first (`PermissionsAndroid`, `NSMicrophoneUsageDescription`). */
export function liveAudioRecorder(library: LiveAudioStream): PcmRecorder {
  let onChunk: ((base64: string) => void) | undefined;
  // It knows no way to take a listener off: there is one for ever.
  library.on('data', (base64) => onChunk?.(base64));
  return {
    start: (listener) => {
      onChunk = listener;
      // Source 6 is Android's VOICE_RECOGNITION: without the processing of phone calls. 2,560 bytes are 80 ms.
      library.init({ sampleRate: 16_000, channels: 1, bitsPerSample: 16, audioSource: 6, bufferSize: 2_560 });
      library.start();
    },
    stop: async () => {
      onChunk = undefined;
      await library.stop();
    },
  };
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** By hand: not every engine of React Native has `atob`. */
export function bytesOfBase64(base64: string): Uint8Array {
  const digits = [...base64].map((char) => BASE64.indexOf(char)).filter((digit) => digit !== -1);
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  for (let at = 0, bits = 0, held = 0, next = 0; next < bytes.length; at++) {
    held = ((held << 6) | (digits[at] ?? 0)) & 0xffff;
    bits += 6;
    if (bits >= 8) bytes[next++] = (held >> (bits -= 8)) & 0xff;
  }
  return bytes;
}
