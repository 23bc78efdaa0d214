// The example for phones, as it stands in the documentation: a recorder's base64 in, words out, also over a network
// that breaks.
import t from 'tap';
import { WebSocket } from 'ws';
import {
  bytesOfBase64,
  liveAudioRecorder,
  startDictation,
  type LiveAudioStream,
} from '../../client-sdk/examples/recorder-dictation.js';
import { createWsTransport } from '../../server/src/transport/ws-transport.js';
import { SESSION_DEFAULTS } from '../../server/src/session/session-settings.js';
import { createSessionFactory } from '../../server/src/session/session.js';
import { CALM, ChaosProxy } from '../support/chaos-proxy.js';
import { LoudnessVad } from '../support/loudness-vad.js';
import { ScriptedRecognizer } from '../support/scripted-recognizer.js';
import { joined, pcm16, silence } from '../support/speech.js';
import { startTestGateway } from '../support/test-gateway.js';
import { until } from '../support/until.js';

/** The library's face, with a sound of its own: `hear` is what a microphone would hear next. */
function recorderLibrary() {
  const said: string[] = [];
  let listener: ((base64: string) => void) | undefined;
  const library: LiveAudioStream = {
    init: ({ sampleRate, bitsPerSample }) => said.push(`init ${sampleRate} ${bitsPerSample}`),
    on: (_, added) => (listener = added),
    start: () => said.push('start'),
    stop: () => void said.push('stop'),
  };
  const hear = (sound: Float32Array): void => {
    const bytes = Buffer.from(pcm16(sound).buffer);
    for (let at = 0; at < bytes.length; at += 2_560) listener?.(bytes.subarray(at, at + 2_560).toString('base64'));
  };
  return { library, said, hear };
}

t.test('base64 is read whatever its padding', async (t) => {
  for (let length = 0; length < 10; length++) {
    const bytes = Buffer.from(Array.from({ length }, (_, at) => (at * 97 + 200) % 256));
    t.strictSame([...bytesOfBase64(bytes.toString('base64'))], [...bytes]);
  }
});

t.test('a recorder’s sound becomes words, across a lost connection', async (t) => {
  const recognizer = new ScriptedRecognizer({ records: false });
  const factory = createSessionFactory({ vad: new LoudnessVad(), recognizer, settings: SESSION_DEFAULTS });
  const { port } = await startTestGateway(t, createWsTransport, factory);
  const proxy = await ChaosProxy.start(t, port, CALM);
  const { library, said, hear } = recorderLibrary();
  const texts: string[] = [];
  const connected: boolean[] = [];
  const dictation = await startDictation(proxy.url, liveAudioRecorder(library), {
    webSocket: (url, protocols) => new WebSocket(url, protocols),
    onText: (certain, tentative) => texts.push(`${certain}|${tentative}`),
    onConnected: (isConnected) => connected.push(isConnected),
  });
  const utterance = joined(silence(1_000), new Float32Array(32_000).fill(0.9), silence(1_500));
  hear(utterance);
  await until(() => texts.some((text) => text.endsWith('|') && text.length > 1), 'the first words');
  const first = texts.findLast((text) => text.endsWith('|'))?.slice(0, -1) ?? '';
  proxy.cutAll();
  hear(utterance);
  const text = await dictation.stop();
  t.ok(text.startsWith(first) && text.length > first.length, `"${first}", then "${text}"`);
  t.same(connected, [false, true]);
  t.equal(await dictation.ended, undefined);
  t.same([...new Set(said)], ['init 16000 16', 'start', 'stop']);
});
