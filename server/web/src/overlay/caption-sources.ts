// Where an overlay's words come from: a session that is watched, the own microphone, or made-up ones; each comes back
// by itself.
import { connect, SottoError, watch, type SessionEvent, type StreamSession } from '@sotto/client';
import { CaptureError, openMicrophone } from '@sotto/client/microphone';
import { isKeyRefused } from '../key.js';
import workletUrl from 'virtual:capture-worklet';
import { serverAddress } from '../server-address.js';

/** Why nothing can be shown, for as long as that holds. */
export type Trouble = 'blocked' | 'no_microphone' | 'insecure' | 'unknown_share' | 'ended' | 'refused' | 'locked';

export interface SourceListener {
  onEvent(event: SessionEvent): void;
  /** Undefined: all is well again. */
  onTrouble(trouble: Trouble | undefined, detail?: string): void;
}

const SERVER_URL = serverAddress('v1/stream');
const RETRY_MS = 1_000;
const RETRY_MS_MAX = 15_000;

/** Shows the session of a watch token. */
export async function watchSession(token: string, { onEvent, onTrouble }: SourceListener): Promise<void> {
  const { error } = await watch(SERVER_URL, { token, onEvent }).closed;
  if (error === undefined) onTrouble('ended');
  else onTrouble(error.code === 'share_unknown' ? 'unknown_share' : 'refused', error.message);
}

/** Shows what the microphone hears, for as long as the page is open. */
export async function listenToMicrophone(
  { language, token }: { readonly language: string; readonly token: string },
  listener: SourceListener,
): Promise<void> {
  let session: StreamSession | undefined;
  const send = (samples: Int16Array): void => {
    try {
      session?.send(samples);
    } catch (error) {
      // The server is gone or too slow: what is said until it is back cannot be shown in time.
      if (!(error instanceof SottoError)) throw error;
    }
  };
  // A microphone that opens only then must not take away what the server said last.
  let isOver = false;
  void keepMicrophone(send, {
    ...listener,
    onTrouble: (...trouble) => {
      if (!isOver) listener.onTrouble(...trouble);
    },
  });
  for (let tries = 0; ; tries++) {
    session = connect(SERVER_URL, { language, ...(token !== '' && { token }) });
    session.on('ready', (event) => {
      tries = 0;
      listener.onTrouble(undefined);
      listener.onEvent(event);
    });
    for (const type of ['partial', 'final', 'error', 'restarted'] as const) {
      session.on(type, (event) => listener.onEvent(event));
    }
    const { error } = await session.closed;
    session = undefined;
    isOver = isKeyRefused(error) || (error?.retryable === false && error.code !== 'connection_lost');
    if (isKeyRefused(error)) return listener.onTrouble('locked', error?.message);
    if (isOver) return listener.onTrouble('refused', error?.message);
    await pause(Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** Math.min(tries, 10)) * (0.5 + Math.random() / 2));
  }
}

/** Opens the microphone, and again whenever it was lost; a click tries at once. */
async function keepMicrophone(send: (samples: Int16Array) => void, { onTrouble }: SourceListener): Promise<void> {
  for (;;) {
    try {
      const capture = await openMicrophone({ onChunk: ({ samples }) => send(samples), workletUrl });
      onTrouble(undefined);
      await capture.ended;
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      onTrouble(
        error.code === 'permission_denied'
          ? 'blocked'
          : error.code === 'insecure_context'
            ? 'insecure'
            : 'no_microphone',
        error.message,
      );
      await Promise.race([
        pause(RETRY_MS_MAX),
        new Promise((resolve) => addEventListener('click', resolve, { once: true })),
      ]);
    }
    await pause(RETRY_MS);
  }
}

/** Says sentences again and again, a word at a time. */
export async function saySamples(sentences: readonly string[], { onEvent }: SourceListener): Promise<void> {
  const common = { startMs: 0, endMs: 0 } as const;
  for (let segmentId = 0; ; segmentId++) {
    const sentence = sentences[segmentId % sentences.length] ?? '';
    const words = sentence.match(/[\p{Script=Han}]{1,2}[，。]?|\S+\s*/gu) ?? [];
    for (let count = 1; count <= words.length; count++) {
      const stable = words.slice(0, Math.max(0, count - 2)).join('');
      const tentative = words.slice(Math.max(0, count - 2), count).join('');
      onEvent({ type: 'partial', segmentId, revision: count, stable, tentative, lagMs: 0, ...common });
      // The first words are there at once, so that every change of an option is seen.
      if (segmentId > 0) await pause(220);
    }
    const facts = { language: 'en', avgLogprob: 0, noSpeechProb: 0 } as const;
    onEvent({ type: 'final', segmentId, reason: 'endpoint', text: sentence, ...facts, ...common });
    if (segmentId > 0) await pause(1_200);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
