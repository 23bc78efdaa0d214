// The channels of a recording, each heard by itself, on one timeline.
import t from 'tap';
import { AudioFileError } from '../../../server/src/audio/audio-errors.js';
import { storedInMemory } from '../../../server/src/audio/stored-bytes.js';
import { FILE_DEFAULTS, type FileOptions, type FileRun } from '../../../server/src/recordings/file-transcription.js';
import { TranscribedUpload } from '../../../server/src/recordings/transcribed-upload.js';
import type { TranscribedSegment } from '../../../server/src/asr/files/file-transcriber.js';
import { s16le, sine, wavFile } from '../../support/wav-file.js';

const RATE = 16_000;

/** Hears each loud second as a segment. */
async function* loudSeconds(
  audio: AsyncIterable<Float32Array>,
  _: FileOptions,
  run: FileRun,
): AsyncGenerator<TranscribedSegment> {
  const samples: number[] = [];
  for await (const block of audio) {
    run.spendAudio?.(block.length / 16);
    samples.push(...block);
  }
  for (let at = 0; at < samples.length; at += RATE) {
    const peak = Math.max(...samples.slice(at, at + RATE));
    if (peak < 0.1) continue;
    const startMs = at / 16;
    yield {
      text: `at ${startMs}`,
      startMs,
      endMs: startMs + 1_000,
      words: [],
      tokens: [],
      language: 'en',
      avgLogprob: 0,
      noSpeechProb: 0,
      temperature: 0,
    };
  }
}

function wavOf(...channels: readonly Float32Array[]): Uint8Array {
  const length = Math.max(...channels.map((one) => one.length));
  const samples = Array.from(
    { length: length * channels.length },
    (_, at) => channels[at % channels.length]?.[Math.floor(at / channels.length)] ?? 0,
  );
  return wavFile({ tag: 1, channels: channels.length, sampleRate: RATE, bits: 16 }, s16le(samples));
}

const tone = sine(440, RATE, 1);
const at = (second: number): Float32Array => Float32Array.from([...new Float32Array(second * RATE), ...tone]);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function hear(bytes: AsyncIterable<Uint8Array>, channels: FileOptions['channels']) {
  let spentMs = 0;
  const upload = new TranscribedUpload(
    { transcribe: loudSeconds },
    { bytes },
    { ...FILE_DEFAULTS, channels },
    { spendAudio: (ms) => (spentMs += ms) },
  );
  const heard: [number | undefined, number][] = [];
  for await (const { channel, startMs } of upload.segments) heard.push([channel, startMs]);
  return { heard, durationMs: upload.durationMs, spentMs };
}

t.test('each channel is a speaker, in the order of time', async (t) => {
  const file = storedInMemory(wavOf(at(2), at(0), new Float32Array(3 * RATE)));
  t.strictSame(await hear(file, 'separate'), {
    heard: [
      [1, 0],
      [0, 2_000],
    ],
    durationMs: 3_000,
    spentMs: 9_000,
  });
  t.match(await hear(file, undefined), {
    heard: [
      [undefined, 0],
      [undefined, 2_000],
    ],
    durationMs: 3_000,
    spentMs: 3_000,
  });
});

t.test('a stream that can be read once is put aside', async (t) => {
  t.match(await hear(once(wavOf(at(1), at(0))), 'separate'), {
    heard: [
      [1, 0],
      [0, 1_000],
    ],
  });
});

t.test('one channel is one speaker', async (t) => {
  t.match(await hear(storedInMemory(wavOf(at(0))), 'separate'), { heard: [[0, 0]] });
});

t.test('more channels than are heard apart', async (t) => {
  const nine = storedInMemory(wavOf(...Array.from({ length: 9 }, () => at(0))));
  await t.rejects(hear(nine, 'separate'), { code: 'unsupported', message: /has 9 channels: at most 8/ });
  t.match(await hear(nine, 'mixed'), { heard: [[undefined, 0]] });
});

t.test('what is no audio is an error as ever', async (t) => {
  await t.rejects(hear(storedInMemory(Buffer.from('no audio at all')), 'separate'), AudioFileError);
});
