// Speech through LiveKit's own plug-ins for other services, as a document sets them up: prints what each hears first.
// documented-livekit.mjs WAV EXPRESSION...
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { initializeLogger, stt as speech } from '@livekit/agents';
import * as deepgram from '@livekit/agents-plugin-deepgram';
import * as openai from '@livekit/agents-plugin-openai';
import { AudioFrame } from '@livekit/rtc-node';

const CHUNK_MS = 40;
initializeLogger({ pretty: false, level: 'warn' });

const [path, ...expressions] = process.argv.slice(2);
const wav = readFileSync(path);
const rate = wav.readUInt32LE(24);
const pcm = new Int16Array(Uint8Array.from(wav.subarray(44)).buffer);

async function hear(service) {
  const stream = service.stream();
  const heard = new AbortController();
  const speaking = (async () => {
    const size = (rate * CHUNK_MS) / 1_000;
    // Silence follows for as long as it takes: a turn ends by it.
    for (let at = 0; at < pcm.length || !heard.signal.aborted; at += size) {
      const piece = at < pcm.length ? pcm.slice(at, at + size) : new Int16Array(size);
      stream.pushFrame(new AudioFrame(piece, rate, 1, piece.length));
      await wait(CHUNK_MS);
    }
  })();
  for await (const { type, alternatives } of stream) {
    if (type !== speech.SpeechEventType.FINAL_TRANSCRIPT) continue;
    console.log(alternatives[0].text);
    break;
  }
  heard.abort();
  await speaking;
}

for (const expression of expressions) {
  const make = new Function('deepgram', 'openai', `return ${expression}`);
  await hear(make(deepgram, openai));
}
// Nothing is closed: the stream for OpenAI throws when it is (1.8 and 1.9, on Node 20).
process.exit(0);
