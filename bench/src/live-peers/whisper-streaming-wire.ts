// whisper_streaming: PCM into a TCP socket, lines of "begin end text" out. It shows committed words alone.
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { BenchError } from '../bench-error.js';
import type { LiveWire, WireOptions } from './live-wire.js';
import { atMost } from './within.js';

/** Milliseconds twice, then the words; lines may be padded with zeros. */
const LINE = /^\0*\d+ \d+ (.*?)\0*$/;
/** It drops what it has not committed when the audio ends, and answers the end only between two runs. */
const STOP_TIMEOUT_MS = 20_000;

export async function openWhisperStreaming({ port, shows }: WireOptions): Promise<LiveWire> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect').catch((cause: Error) => {
    throw new BenchError('peer_failed', `whisper_streaming took no stream: ${cause.message}`, { cause });
  });
  socket.on('error', () => {}); // The end is heard below.
  const ended = once(socket, 'close');
  let settled = '';
  createInterface({ input: socket }).on('line', (line) => {
    const text = LINE.exec(line)?.[1];
    if (text === undefined) return;
    settled += ` ${text.trim()}`;
    shows({ settled, tentative: '' });
  });
  return {
    send: (pcm) => void socket.write(pcm),
    finish: async () => {
      socket.end();
      await atMost(ended, STOP_TIMEOUT_MS);
    },
    close: () => socket.destroy(),
  };
}
