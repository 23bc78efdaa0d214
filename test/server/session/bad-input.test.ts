// What a session makes of audio that is wrong, missing, doubled, endless or no speech at all.
import { CLOSE, LIMITS } from '@sotto/protocol';
import t from 'tap';
import { MemoryTrend } from '../../support/memory-trend.js';
import { ScriptedRecognizer } from '../../support/scripted-recognizer.js';
import { SessionClient, START, silence, speech } from '../../support/session-client.js';
import { s16le } from '../../support/wav-file.js';
import { rounds } from '../../support/whole-run.js';

const F32 = { ...START, audio: { encoding: 'pcm_f32le', sampleRate: 16_000, channels: 1 } } as const;

t.test('AU2: a chunk with a part of a sample is odd_byte_count, and its time is filled with silence', async (t) => {
  const client = new SessionClient().send(START).audio(speech(0.5));
  client.send({ type: 'audio', offset: client.offset, data: new Uint8Array(321) });
  client.offset += 160;
  client.audio(speech(0.49));
  await client.stop();
  t.match(client.of('error'), [
    { code: 'odd_byte_count', fatal: false },
    {
      code: 'offset_gap',
      fatal: false,
      message: '160 samples (10 ms) before sample 8160 are missing; silence takes their place.',
    },
  ]);
  t.match(client.of('final'), [{ startMs: 0, endMs: 1_000 }]);
});

t.test('AU6: NaN and infinite samples are invalid_samples, silence takes the place of the chunk', async (t) => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    const recognizer = new ScriptedRecognizer();
    const client = new SessionClient({ recognizer }).send(F32);
    const chunk = new Float32Array(8_000).fill(0.8);
    const broken = chunk.slice(0, 800);
    broken[400] = bad;
    client.send({ type: 'audio', offset: 0, data: new Uint8Array(chunk.buffer) });
    client.send({ type: 'audio', offset: 8_000, data: new Uint8Array(broken.buffer) });
    client.send({ type: 'audio', offset: 8_800, data: new Uint8Array(chunk.buffer) });
    await client.stop();
    t.match(client.of('error'), [{ code: 'invalid_samples', fatal: false }]);
    const heard = recognizer.calls.at(-1)?.audio ?? new Float32Array(0);
    t.ok(heard.subarray(8_000, 8_800).every((sample) => sample === 0));
    t.equal(heard.length, 16_800);
  }
});

t.test('AU6: samples beyond full scale are clipped', async (t) => {
  const recognizer = new ScriptedRecognizer();
  const client = new SessionClient({ recognizer }).send(F32);
  client.send({ type: 'audio', offset: 0, data: new Uint8Array(new Float32Array(16_000).fill(1e20).buffer) });
  await client.stop();
  t.ok(recognizer.calls.at(-1)?.audio.every((sample) => sample === 1));
  t.equal(client.of('error').length, 0);
});

t.test('AU3: repeats and overlaps are harmless: the first arrival counts', async (t) => {
  const recognizer = new ScriptedRecognizer();
  const client = new SessionClient({ recognizer }).send(START);
  const samples = Float32Array.from({ length: 32_000 }, (_, at) => 0.5 + at / 80_000);
  const send = (from: number, to: number) =>
    client.send({ type: 'audio', offset: from, data: s16le(samples.subarray(from, to)) });
  send(0, 10_000);
  send(0, 10_000);
  send(5_000, 12_000);
  send(11_999, 12_000);
  client.send({ type: 'audio', offset: 3_000, data: s16le(new Float32Array(9_000).fill(-1)) });
  send(10_000, 32_000);
  send(0, 32_000);
  await client.stop();
  t.equal(client.of('error').length, 0);
  t.strictSame(
    recognizer.calls.at(-1)?.audio,
    Float32Array.from(samples, (v) => Math.round(v * 32_767) / 32_768),
  );
});

t.test('AU4: chunks of any size are taken, empty ones too', async (t) => {
  for (const chunk of [1, 7, 319, 16_000]) {
    const client = new SessionClient().send(START, { type: 'audio', offset: 0, data: new Uint8Array(0) });
    client.audio(speech(1), chunk).send({ type: 'audio', offset: 16_000, data: new Uint8Array(0) });
    await client.stop();
    t.match(client.of('final'), [{ startMs: 0, endMs: 1_000 }], `chunks of ${chunk}`);
    t.equal(client.of('error').length, 0);
  }
});

t.test('AU5: a hole up to the bound is filled and reported, times stay true', async (t) => {
  const client = new SessionClient().send(START);
  client.offset = 8_000;
  client.audio(speech(1));
  client.offset += 16 * LIMITS.gapMsMax;
  client.audio(speech(1));
  await client.stop();
  t.match(client.of('error'), [
    { code: 'offset_gap', fatal: false },
    { code: 'offset_gap', fatal: false },
  ]);
  t.match(client.of('final'), [{ startMs: 212 }, { endMs: 4_500 }]);
  t.equal(client.of('stopped')[0]?.audioMs, 4_500);
});

t.test('AU5: a larger hole is fatal', async (t) => {
  const client = new SessionClient().send(START).audio(speech(1));
  client.offset += 16 * LIMITS.gapMsMax + 1;
  client.audio(speech(1));
  t.match(client.of('error'), [{ code: 'offset_gap', fatal: true }]);
  t.equal(client.closedWith, CLOSE.protocolError);
  const far = new SessionClient().send(START, {
    type: 'audio',
    offset: Number.MAX_SAFE_INTEGER,
    data: new Uint8Array(2),
  });
  t.match(far.of('error'), [{ code: 'offset_gap', fatal: true }]);
});

t.test('AU8: every encoding, rate and number of channels ends on the same timeline', async (t) => {
  const cases = [
    { encoding: 'pcm_s16le', sampleRate: 48_000, channels: 2, bytes: 4 },
    { encoding: 'pcm_f32le', sampleRate: 44_100, channels: 1, bytes: 4 },
    { encoding: 'mulaw', sampleRate: 8_000, channels: 1, bytes: 1 },
    { encoding: 'alaw', sampleRate: 11_025, channels: 8, bytes: 8 },
  ] as const;
  for (const { bytes, ...audio } of cases) {
    const client = new SessionClient().send({ ...START, audio });
    const step = Math.round(audio.sampleRate / 50);
    const full = { pcm_s16le: 0x66, pcm_f32le: 0x3f, mulaw: 0x80, alaw: 0xaa }[audio.encoding];
    // Two seconds: the first half is loud. (0x3f3f3f3f is 0.747 as a float, 0x6666 is 0.8 of full scale.)
    for (let sample = 0; sample < 2 * audio.sampleRate; sample += step) {
      const isLoud = sample < audio.sampleRate;
      const quiet = { pcm_s16le: 0, pcm_f32le: 0, mulaw: 0xff, alaw: 0xd5 }[audio.encoding];
      client.send({ type: 'audio', offset: sample, data: new Uint8Array(step * bytes).fill(isLoud ? full : quiet) });
    }
    await client.stop();
    const [final] = client.of('final');
    t.equal(final?.startMs, 0, `${audio.encoding} at ${audio.sampleRate} Hz`);
    t.ok(Math.abs((final?.endMs ?? 0) - 1_160) <= 32, `ends at ${final?.endMs}`);
    t.ok(Math.abs((client.of('stopped')[0]?.audioMs ?? 0) - 2_000) <= 20);
  }
});

t.test('AU9: an hour of silence gives nothing, and memory does not grow', async (t) => {
  const minutes = rounds(3, 60);
  const client = new SessionClient({ recognizer: new ScriptedRecognizer({ records: false }) }).send(START);
  const second = s16le(silence(1));
  const memory = new MemoryTrend();
  const { session } = client;
  for (let passed = 0; passed < minutes; passed++) {
    for (let turn = 0; turn < 60; turn++) {
      session.receive({ type: 'audio', offset: client.offset, data: second });
      client.offset += 16_000;
      await new Promise(setImmediate);
      if (turn % 20 === 19) memory.sample();
    }
    client.answers.length = 0;
  }
  await client.stop();
  t.match(client.of('stopped'), [{ audioMs: minutes * 60_000, segments: 0, words: 0 }]);
  t.strictSame(client.story, ['stopped']);
  t.ok(memory.growth < 30, `grew by ${memory.growth.toFixed(1)} MiB: ${memory}`);
});

t.test('AU9: an hour of speech gives finals without end, and memory does not grow', async (t) => {
  const minutes = rounds(8, 60);
  const client = new SessionClient({ recognizer: new ScriptedRecognizer({ records: false }) }).send(START);
  const memory = new MemoryTrend();
  let finals = 0;
  const second = s16le(speech(1));
  for (let passed = 0; passed < minutes * 60; passed++) {
    client.session.receive({ type: 'audio', offset: client.offset, data: second });
    client.offset += 16_000;
    await new Promise(setImmediate);
    if (passed % 25 === 24) {
      await client.settled();
      finals += client.of('final').length;
      client.answers.length = 0;
      // Nine times in the quick run: it collects the garbage of all that shares its process.
      if (passed % rounds(50, 25) === rounds(49, 24)) memory.sample();
    }
  }
  await client.stop();
  t.ok(finals > minutes * 2, `${finals} finals of at most 28 s`);
  t.ok(memory.growth < 30, `grew by ${memory.growth.toFixed(1)} MiB: ${memory}`);
});
