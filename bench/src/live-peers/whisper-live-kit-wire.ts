// WhisperLiveKit: audio in, the whole transcript with its open end out.
import * as v from 'valibot';
import { JsonSocket } from './json-socket.js';
import type { LiveWire, WireOptions } from './live-wire.js';
import { atMost, news, within } from './within.js';

const Message = v.object({
  type: v.optional(v.string()),
  lines: v.optional(v.array(v.object({ text: v.nullish(v.string(), '') }))),
  buffer_transcription: v.optional(v.string(), ''),
});

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 60_000;

export async function openWhisperLiveKit({ port, language, shows }: WireOptions): Promise<LiveWire> {
  const [ready, stopped] = [news(), news()];
  const socket = await JsonSocket.open(`ws://127.0.0.1:${port}/asr?language=${language}`, (json) => {
    const { type, lines, buffer_transcription: tentative } = v.parse(Message, json);
    if (type === 'config') ready.resolve();
    else if (type === 'ready_to_stop') stopped.resolve();
    else if (lines !== undefined) shows({ settled: lines.map(({ text }) => text).join(' '), tentative });
  });
  await within(ready.promise, READY_TIMEOUT_MS, 'WhisperLiveKit took no stream');
  return {
    send: (pcm) => socket.send(pcm),
    finish: async () => {
      socket.send(new Uint8Array()); // An empty message ends the audio.
      await atMost(Promise.race([stopped.promise, socket.closed]), STOP_TIMEOUT_MS);
    },
    close: () => socket.close(),
  };
}
