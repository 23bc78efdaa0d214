// Speech through LiveKit's own recognise streams to a Sotto server, without a room: prints what they tell as JSON
// lines. livekit-agent.mjs URL WAV
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { initializeLogger, stt } from '@livekit/agents';
import { AudioFrame } from '@livekit/rtc-node';
import { SottoSTT } from '@sotto/livekit-stt';

const RATE = 16_000;
const CHUNK_MS = 40;
const WAV_HEADER_BYTES = 44;

initializeLogger({ pretty: false, level: 'silent' });
const [url, path] = process.argv.slice(2);
const bytes = readFileSync(path);
const samples = new Int16Array(bytes.buffer.slice(bytes.byteOffset + WAV_HEADER_BYTES));
const frame = (part) => new AudioFrame(part, RATE, 1, part.length);
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const sotto = new SottoSTT({ url, language: 'en', hotwords: ['library'] });
sotto.on('error', ({ error }) => print({ type: 'error', text: error.message }));
const stream = sotto.stream();
const speak = async () => {
  const chunk = (RATE * CHUNK_MS) / 1_000;
  for (let at = 0; at < samples.length; at += chunk) {
    stream.pushFrame(frame(samples.slice(at, at + chunk)));
    await wait(CHUNK_MS);
    if (at === 10 * chunk) {
      sotto.updateOptions({ hotwords: ['nearest'] });
      sotto._updateSessionKeyterms(['library']);
    }
  }
  stream.endInput();
};
void speak();
for await (const { type, alternatives: [said] = [], recognitionUsage } of stream) {
  print({
    type: stt.SpeechEventType[type].toLowerCase(),
    ...(said && { text: said.text, start: said.startTime, end: said.endTime, language: said.language }),
    ...(said && { words: said.words.map(({ text, startTime, endTime }) => [text, startTime, endTime]) }),
    ...(recognitionUsage && { seconds: recognitionUsage.audioDuration }),
  });
}
const late = sotto.recognize(frame(samples), AbortSignal.abort());
print({
  type: await late.then(
    () => 'heard',
    ({ name }) => name,
  ),
});
const stereo = new Int16Array(samples.length * 4).map((_, at) => samples[at >> 2]);
const twice = await sotto.recognize(new AudioFrame(stereo, RATE * 2, 2, stereo.length / 2));
print({ type: 'stereo', text: twice.alternatives[0].text });
const whole = await sotto.recognize(frame(samples));
print({ type: 'recognized', text: whole.alternatives[0].text, model: sotto.model });
process.exit(0);
