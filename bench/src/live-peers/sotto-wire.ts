// Sotto's own protocol. Settled is what finals have said; the stable text of a partial counts as tentative.
import type { ServerMessage } from '@sotto/protocol';
import { BenchError } from '../bench-error.js';
import { encodeForLoad, LoadSocket } from '../load/load-socket.js';
import { atMost, news, within } from './within.js';
import type { LiveWire, WireOptions } from './live-wire.js';

const OPEN_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 30_000;
const SAMPLE_RATE = 16_000;

export async function openSotto({ port, language, shows }: WireOptions): Promise<LiveWire> {
  const finals: string[] = [];
  const open = new Map<number, string>();
  const ready = news();
  const stopped = news();
  const hear = (message: ServerMessage): void => {
    if (message.type === 'ready') ready.resolve();
    else if (message.type === 'stopped') stopped.resolve();
    else if (message.type === 'error') ready.reject(new BenchError('peer_failed', message.message));
    else if (message.type === 'partial') open.set(message.segmentId, message.stable + message.tentative);
    else if (message.type === 'final') {
      finals.push(message.text);
      open.delete(message.segmentId);
    } else return;
    shows({ settled: finals.join(' '), tentative: [...open.values()].join(' ') });
  };
  const url = `ws://127.0.0.1:${port}/v1/stream`;
  const socket = await LoadSocket.open(
    { url, decodesAll: true, openTimeoutMs: OPEN_TIMEOUT_MS },
    { message: hear, closed: () => stopped.resolve() },
  );
  socket.send(
    encodeForLoad({ type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: SAMPLE_RATE, channels: 1 }, language }),
  );
  await within(ready.promise, OPEN_TIMEOUT_MS, 'Sotto took no stream');
  let offset = 0;
  return {
    send: (data) => {
      socket.send(encodeForLoad({ type: 'audio', offset, data }));
      offset += data.length / 2;
    },
    finish: async () => {
      socket.send(encodeForLoad({ type: 'stop' }));
      await atMost(stopped.promise, STOP_TIMEOUT_MS);
    },
    close: () => socket.close(),
  };
}
