// Audio that Deepgram's live API takes: encodings, packets, channels, containers.
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import t from 'tap';
import { ChannelSplitter } from '../../../../server/src/api/compat/deepgram/live-audio.js';
import { openCompatGateway } from '../../../support/compat-gateway.js';
import { connectEvents } from '../../../support/event-client.js';
import { loud, type LoudFormat } from '../../../support/loud-audio.js';
import { finals, openListen, silence, speech, transcript, wav } from '../../../support/listen-client.js';
import { opusPackets } from '../../../support/opus-packets.js';
import { holds } from '../../../support/property.js';
import { until } from '../../../support/until.js';

t.test('encodings', async (t) => {
  const encodings: [string, number, LoudFormat][] = [
    ['mulaw', 8_000, 'mulaw'],
    ['alaw', 8_000, 'alaw'],
    ['linear32', 48_000, 'float32'],
    ['linear16', 44_100, 'pcm16'],
  ];
  for (const [encoding, rate, format] of encodings) {
    const { client } = await openListen(t, `encoding=${encoding}&sample_rate=${rate}`);
    client.send(loud('speech', 1.1, rate, format), loud('silence', 1, rate, format), { type: 'CloseStream' });
    t.match(await client.closed, { code: 1000 });
    t.match(finals(client).map(transcript), [/^w0 w1/], encoding);
    t.match(client.received.at(-1), { duration: 2.1 });
  }
});

t.test('packed audio by its name, and a container that is called raw', async (t) => {
  for (const encoding of ['opus', 'ogg-opus', 'flac', 'linear16&sample_rate=48000']) {
    const { client } = await openListen(t, `encoding=${encoding}`);
    client.send(wav(speech(1.1), silence(1)), { type: 'CloseStream' });
    t.match(await client.closed, { code: 1000 });
    t.match(finals(client).map(transcript), [/^w0 w1/], encoding);
    t.match(client.received.at(-1), { type: 'Metadata', duration: 2.1 });
  }
});

t.test('packets of Opus, one in each message', async (t) => {
  const file = readFileSync(new URL('../../../fixtures/audio/formats/speech.opus', import.meta.url));
  const heard = async (path: string, messages: Buffer[]) => {
    const { url } = await openCompatGateway(t);
    const client = await connectEvents(t, `${url}${path}&encoding=opus&sample_rate=48000`);
    client.send(...messages, { type: 'CloseStream' });
    t.match(await client.closed, { code: 1000 });
    return { types: client.types, duration: Number(client.received.at(-1)?.['duration']) };
  };
  const packets = opusPackets(file);
  const { duration: whole } = await heard('/v1/listen?', [file]);
  const { duration: packed } = await heard('/v1/listen?', packets);
  t.ok(whole > 5 && packed >= whole && packed < whole + 0.1, `${packed} of ${whole} seconds`);
  t.match((await heard('/v2/listen?model=flux-general-en', packets)).types, ['Connected']);
  const { client } = await openListen(t, 'encoding=opus');
  client.send(Buffer.alloc(70_000, 0x41), Buffer.from([0xff, 0xff]), { type: 'CloseStream' });
  t.match(await client.closed, { code: Number }, 'no packet harms the server');
});

t.test('splitting channels: whatever the chunks, each channel gets its samples', async (t) => {
  const layout = fc.record({
    channels: fc.integer({ min: 2, max: 8 }),
    frames: fc.nat(40),
    cuts: fc.array(fc.nat(700)),
  });
  holds(
    t,
    fc.property(layout, ({ channels, frames, cuts }) => {
      const splitter = new ChannelSplitter({ encoding: 'pcm_s16le', sampleRate: 8_000, channels });
      const audio = Buffer.from(Array.from({ length: frames * channels * 2 }, (_, i) => Math.floor(i / 2) % 251));
      const got: number[][] = Array.from({ length: channels }, () => []);
      const ends = [
        0,
        ...cuts.map((cut) => Math.min(cut, audio.byteLength)).toSorted((a, b) => a - b),
        audio.byteLength,
      ];
      for (const [index, end] of ends.slice(1).entries())
        for (const [channel, part] of splitter.split(audio.subarray(ends[index], end)).entries())
          got[channel]?.push(...part);
      return got.every(
        (bytes, channel) =>
          bytes.every((byte, i) => byte === (Math.floor(i / 2) * channels + channel) % 251) &&
          bytes.length === frames * 2,
      );
    }),
  );
});

t.test('audio in a container, as a browser records it, told by its content', async (t) => {
  const speechWav = wav(speech(2.1), silence(0.9));
  const { client } = await openListen(t, 'interim_results=true');
  for (let at = 0; at < speechWav.byteLength; at += 1_500) client.send(speechWav.subarray(at, at + 1_500));
  client.send({ type: 'CloseStream' });
  t.match(await client.closed, { code: 1000 });
  t.match(finals(client).map(transcript), [/^w0 w1 w2 w3/]);
  t.match(client.received.at(-1), { type: 'Metadata', duration: 3 });

  const empty = await openListen(t, 'model=nova-3');
  empty.client.send({ type: 'CloseStream' });
  t.match(await empty.client.closed, { code: 1000 });
  const rubbish = await openListen(t, 'model=nova-3');
  rubbish.client.send(Buffer.alloc(8_192, 0x41), { type: 'CloseStream' });
  t.match(await rubbish.client.closed, { code: 1008, reason: /^DATA-0000/ });
  const vanishing = await openListen(t, 'model=nova-3');
  vanishing.client.send(speechWav.subarray(0, 9_000));
  vanishing.client.socket.terminate();
  await until(() => vanishing.vad.openStreams === 0, 'its session ends');
});

t.test('a container that is sent faster than it is heard slows its client, and nothing is lost', async (t) => {
  const { client, vad, pauses } = await openListen(t, '', { limits: { bufferedAudioMsMax: 1_000 } });
  const release = vad.hold();
  const bytes = wav(...Array.from({ length: 12 }, () => [speech(4.1), silence(0.9)]).flat());
  for (let at = 0; at < bytes.byteLength; at += 64_000) client.send(bytes.subarray(at, at + 64_000));
  client.send({ type: 'CloseStream' });
  await until(() => pauses() > 0, 'it is slowed');
  release();
  t.match(await client.closed, { code: 1000 });
  t.equal(finals(client).length, 12);
  t.match(client.received.at(-1), { duration: 60 });
});
