// WhisperLive: options as JSON, then audio; it sends its last segments, the last of which is open.
import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { JsonSocket } from './json-socket.js';
import type { LiveWire, WireOptions } from './live-wire.js';
import { atMost, news, within } from './within.js';

const Message = v.object({
  message: v.optional(v.string()),
  segments: v.optional(
    v.array(v.object({ start: v.string(), text: v.string(), completed: v.optional(v.boolean(), false) })),
  ),
});

/** The model may be loaded for the first client. */
const READY_TIMEOUT_MS = 60_000;
/** It forgets what it has not said when the audio ends, so its own client too waits for silence first. */
const QUIET_MS = 4_000;
const QUIET_LIMIT_MS = 20_000;

/** @param options `quietMs`: how long nothing must have come before the end is said */
export async function openWhisperLive({
  port,
  language,
  shows,
  quietMs = QUIET_MS,
}: WireOptions & { readonly quietMs?: number }): Promise<LiveWire> {
  const ready = news();
  // Only the last ten segments come each time; completed ones are kept by their start.
  const completed = new Map<string, string>();
  const socket = await JsonSocket.open(`ws://127.0.0.1:${port}`, (json) => {
    const { message, segments } = v.parse(Message, json);
    if (message === 'SERVER_READY') ready.resolve();
    if (segments === undefined) return;
    for (const { start, text } of segments.filter((segment) => segment.completed)) completed.set(start, text);
    const open = segments.filter((segment) => !segment.completed).map(({ text }) => text);
    shows({ settled: [...completed.values()].join(' '), tentative: open.join(' ') });
  });
  socket.send(
    JSON.stringify({
      uid: randomUUID(),
      language,
      task: 'transcribe',
      model: 'base',
      use_vad: true,
      audio_format: 'int16',
    }),
  );
  await within(ready.promise, READY_TIMEOUT_MS, 'WhisperLive took no stream');
  return {
    send: (pcm) => socket.send(pcm),
    finish: async () => {
      await socket.quiet(quietMs, QUIET_LIMIT_MS);
      socket.send(Buffer.from('END_OF_AUDIO'));
      await atMost(socket.closed, QUIET_LIMIT_MS);
    },
    close: () => socket.close(),
  };
}
