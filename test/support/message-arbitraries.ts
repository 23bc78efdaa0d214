// Random valid messages of the wire, for property tests.
import { ERROR_CODES, LIMITS, type AudioFormat, type ClientMessage, type ServerMessage } from '@sotto/protocol';
import * as fc from 'fast-check';
import { anyText } from './property.js';

/** Text as people and machines write it: any Unicode, no lone surrogates (UTF-8 cannot carry them). */
const text = (maxLength: number) => anyText({ maxLength: Math.floor(maxLength / 2) });
const id = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: LIMITS.idCharsMax });
const offset = fc.maxSafeNat();
const ms = (min: number, max: number) => fc.integer({ min, max });
const time = fc.double({ min: 0, max: 1e9, noNaN: true });
const language = fc.constantFrom('auto', 'en', 'zh', 'yue');
const segmentId = fc.nat();
/** Of a stream whose channels are separate. */
const channel = ms(0, 7);

/** All of `optional` may be absent, one by one. */
function message<R extends object, O extends object>(
  required: { [K in keyof R]: fc.Arbitrary<R[K]> },
  optional: { [K in keyof O]: fc.Arbitrary<O[K]> },
): fc.Arbitrary<R & Partial<O>> {
  const requiredOnes = fc.record<object>(required, { noNullPrototype: true });
  const optionalOnes = fc.record<object>(optional, { requiredKeys: [], noNullPrototype: true });
  return fc.tuple(requiredOnes, optionalOnes).map(([one, other]) => ({ ...one, ...other }) as R & Partial<O>);
}

const endpointing = message(
  {},
  {
    threshold: fc.double({ min: 0.05, max: 0.95, noNaN: true }),
    minSilenceMs: ms(96, 10_000),
    minSpeechMs: ms(0, 5_000),
    prefixPaddingMs: ms(0, 2_000),
    maxUtteranceMs: ms(2_000, 28_000),
  },
);
const recognition = {
  language,
  prompt: text(LIMITS.promptCharsMax),
  hotwords: fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 }), { maxLength: 10 }),
  partialIntervalMs: ms(100, 10_000),
  endpointing,
  words: fc.boolean(),
  polish: message(
    {},
    {
      mode: fc.constantFrom('off' as const, 'standard' as const, 'custom' as const),
      instruction: text(100),
      scope: fc.constantFrom('segment' as const, 'session' as const, 'both' as const),
      deltas: fc.boolean(),
      quality: fc.constantFrom('auto' as const, 'fast' as const, 'best' as const),
      script: fc.constantFrom('simplified' as const, 'traditional' as const),
    },
  ),
};
const audioFormat: fc.Arbitrary<AudioFormat> = fc.record(
  {
    encoding: fc.constantFrom('pcm_s16le', 'pcm_f32le', 'mulaw', 'alaw'),
    sampleRate: ms(LIMITS.sampleRateMin, LIMITS.sampleRateMax),
    channels: ms(1, LIMITS.channelsMax),
  },
  { noNullPrototype: true },
);
const just = fc.constant;

export const startMessage = message(
  { type: just('start' as const), audio: audioFormat },
  {
    task: fc.constantFrom('transcribe' as const, 'translate' as const),
    channels: fc.constantFrom('mixed' as const, 'separate' as const),
    share: fc.boolean(),
    ...recognition,
  },
);
export const audioMessage = message(
  { type: just('audio' as const), offset, data: fc.uint8Array({ maxLength: 300 }) },
  {},
);
export const controlMessage: fc.Arbitrary<ClientMessage> = fc.oneof(
  startMessage,
  message({ type: just('finalize' as const) }, { id }),
  message({ type: just('resume' as const), token: id, events: fc.nat() }, {}),
  message({ type: just('mark' as const), id }, {}),
  message({ type: just('configure' as const) }, recognition),
  message({ type: just('ping' as const) }, { id }),
  message({ type: just('stop' as const) }, {}),
);
export const clientMessage: fc.Arbitrary<ClientMessage> = fc.oneof(audioMessage, controlMessage);

const word = message(
  { text: text(40), startMs: time, endMs: time, confidence: fc.double({ min: 0, max: 1, noNaN: true }) },
  {},
);
const logprob = fc.double({ min: -20, max: -Number.MIN_VALUE, noNaN: true });

const partialMessage = message(
  {
    type: just('partial' as const),
    segmentId,
    revision: fc.nat(),
    stable: text(200),
    tentative: text(200),
    startMs: time,
    endMs: time,
    lagMs: time,
  },
  { channel },
);
const finalMessage = message(
  {
    type: just('final' as const),
    segmentId,
    reason: fc.constantFrom('endpoint' as const, 'forced' as const, 'finalize' as const, 'stop' as const),
    text: text(400),
    startMs: time,
    endMs: time,
    language,
    avgLogprob: logprob,
    noSpeechProb: fc.double({ min: 0, max: 1, noNaN: true }),
  },
  {
    words: fc.array(word, { maxLength: 20 }),
    noise: fc.constantFrom('noSpeech' as const, 'empty' as const),
    finalizeId: id,
    channel,
  },
);
const scope = fc.constantFrom('segment' as const, 'session' as const);
const mode = fc.constantFrom('standard' as const, 'concise' as const);
const polishedMessage = message(
  { type: just('polished' as const), scope, text: text(400), mode, model: id, latencyMs: time },
  {
    segmentId,
    firstSegmentId: segmentId,
    lastSegmentId: segmentId,
    channel,
    fallback: fc.constantFrom('timeout' as const, 'changedNumber' as const),
  },
);

export const serverMessage: fc.Arbitrary<ServerMessage> = fc.oneof(
  message(
    {
      type: just('ready' as const),
      version: just(1 as const),
      sessionId: id,
      model: id,
      languages: fc.array(language),
      limits: message({ messageBytesMax: fc.nat(), bufferedAudioMsMax: fc.nat() }, {}),
    },
    {
      resumeToken: id,
      resumeWindowMs: fc.nat(),
      shareId: id,
      watchToken: id,
      polish: message(
        { available: fc.boolean(), models: fc.array(id), modes: fc.array(mode) },
        { languages: fc.array(language) },
      ),
    },
  ),
  message({ type: just('resumed' as const), sessionId: id, audio: audioFormat, offset, messages: fc.nat() }, {}),
  message({ type: just('ack' as const), offset, lagMs: time }, {}),
  message({ type: just('speechStarted' as const), segmentId, startMs: time }, { channel }),
  message({ type: just('speechEnded' as const), segmentId, endMs: time }, { channel }),
  partialMessage,
  finalMessage,
  polishedMessage,
  message({ type: just('polishedDelta' as const), scope, from: offset, text: text(100) }, { segmentId, channel }),
  message({ type: just('mark' as const), id, offset }, {}),
  message({ type: just('pong' as const) }, { id }),
  message(
    {
      type: just('stopped' as const),
      reason: fc.constantFrom('stop' as const, 'drain' as const),
      audioMs: time,
      speechMs: time,
      segments: fc.nat(),
      words: fc.nat(),
    },
    {},
  ),
  message(
    {
      type: just('error' as const),
      code: fc.constantFrom(...ERROR_CODES),
      message: text(200),
      retryable: fc.boolean(),
      fatal: fc.boolean(),
    },
    { segmentId, startMs: time, endMs: time, channel },
  ),
  message(
    {
      type: just('watching' as const),
      version: just(1 as const),
      shareId: id,
      finals: fc.array(finalMessage, { maxLength: 3 }),
      partials: fc.array(partialMessage, { maxLength: 2 }),
    },
    { polished: fc.array(polishedMessage, { maxLength: 2 }) },
  ),
  message({ type: just('ended' as const), reason: fc.constantFrom('stop' as const, 'lost' as const) }, {}),
);
