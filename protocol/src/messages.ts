// The whole vocabulary of the wire: what a client may say and what a server answers, as schemas and types.
import * as v from 'valibot';
import { ERROR_CODES } from './errors.js';
import { LIMITS } from './limits.js';
import { REWRITING } from './rewriting.js';
import { PROTOCOL_VERSION } from './version.js';

const ms = (min: number, max: number) => v.pipe(v.number(), v.minValue(min), v.maxValue(max));
const id = v.pipe(v.string(), v.minLength(1), v.maxLength(LIMITS.idCharsMax));
const bytes = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'bytes');
/** Which channel it is of, from 0 on: set where channels are separate. */
const channel = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(0)));
const sampleOffset = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

export const AudioFormat = v.object({
  encoding: v.picklist(['pcm_s16le', 'pcm_f32le', 'mulaw', 'alaw']),
  /** Hz. */
  sampleRate: v.pipe(v.number(), v.integer(), v.minValue(LIMITS.sampleRateMin), v.maxValue(LIMITS.sampleRateMax)),
  channels: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(LIMITS.channelsMax)), 1),
});

/** When an utterance begins and ends. Defaults are the server's; every key may be set alone. */
export const Endpointing = v.object({
  /** Speech probability at which speech begins, 0-1. */
  threshold: v.optional(v.pipe(v.number(), v.minValue(0.05), v.maxValue(0.95))),
  /** Silence after which an utterance is over (hang-over), milliseconds. */
  minSilenceMs: v.optional(ms(96, 10_000)),
  /**
   * The same where the text is a complete sentence, milliseconds; never longer than minSilenceMs. 0: as for any other
   * text. While it is not named it ends with the first minSilenceMs that is: who names the silence gets it.
   */
  sentenceSilenceMs: v.optional(ms(0, 10_000)),
  /** Speech shorter than this is no utterance, milliseconds. */
  minSpeechMs: v.optional(ms(0, 5_000)),
  /** Audio kept before the detected start of speech (pre-roll), milliseconds. */
  prefixPaddingMs: v.optional(ms(0, 2_000)),
  /** An utterance is cut at its best pause before it grows beyond this, milliseconds. */
  maxUtteranceMs: v.optional(ms(2_000, 28_000)),
});

/** How a text may be polished; what each is for is told by rule PO2. */
export const POLISH_MODES = ['standard', 'formal', 'casual', 'concise', 'detailed', 'custom'] as const;
const polishMode = v.picklist(POLISH_MODES);

/** Whether and how finals are rewritten into text that one would want to read. Every key may be set alone. */
export const PolishSettings = v.object({
  /** Default of a `polish` without it: `standard`. `off` ends it. */
  mode: v.optional(v.picklist(['off', ...POLISH_MODES])),
  /** What to do with the text: with the mode `custom` only, which needs it. */
  instruction: v.optional(v.pipe(v.string(), v.maxLength(LIMITS.promptCharsMax))),
  /** Each final by itself, the whole session when it stops, or both. Default: `segment`. */
  scope: v.optional(v.picklist(['segment', 'session', 'both'])),
  /** Whether the text is told while it is being written. Default: no. */
  deltas: v.optional(v.boolean()),
  /**
   * The quicker or the better of the server's models; `auto` goes by the length of the text and the load. Default:
   * `auto`.
   */
  quality: v.optional(v.picklist(['auto', 'fast', 'best'])),
  /** Characters of polished Chinese. Default: as recognised. */
  script: v.optional(v.picklist(['simplified', 'traditional'])),
});

const language = v.pipe(
  v.string(),
  v.maxLength(64),
  v.regex(/^[A-Za-z]{2,}([-_][A-Za-z0-9]+)*$/, 'a language such as "en", "zh-TW" or "English", or "auto"'),
);
const hotwords = v.pipe(
  v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(LIMITS.hotwordCharsMax))),
  v.maxLength(LIMITS.hotwordsMax),
);

const recognition = {
  language: v.optional(language),
  /** Where `language` is `auto`: the languages that may be spoken. Empty: any. */
  languages: v.optional(v.pipe(v.array(language), v.maxLength(LIMITS.languagesMax))),
  /** Text that came before, or that sets the style; the recogniser sees its last part. */
  prompt: v.optional(v.pipe(v.string(), v.maxLength(LIMITS.promptCharsMax))),
  hotwords: v.optional(hotwords),
  /** New audio between two partials, milliseconds. */
  partialIntervalMs: v.optional(ms(100, 10_000)),
  endpointing: v.optional(Endpointing),
  /** Whether finals carry words with times. */
  words: v.optional(v.boolean()),
  polish: v.optional(PolishSettings),
  ...REWRITING,
} as const;

export const StartMessage = v.object({
  type: v.literal('start'),
  audio: AudioFormat,
  task: v.optional(v.picklist(['transcribe', 'translate'])),
  /** What is done with several channels. Default: `mixed`, into one. `separate`: each is heard alone (rules CH). */
  channels: v.optional(v.picklist(['mixed', 'separate'])),
  /** Whether others may watch this session; `ready` then carries the token for them. */
  share: v.optional(v.boolean()),
  /**
   * The client keeps audio from `keepFrom` on, and knows what `resumed.segments` means: its session may go on at
   * another node (rules RS11 to RS13).
   */
  keepsAudio: v.optional(v.boolean()),
  ...recognition,
});

/** A chunk of audio. `offset` counts samples (per channel, at the client's rate) since the start of the stream. */
export const AudioMessage = v.object({ type: v.literal('audio'), offset: sampleOffset, data: bytes });
/** Ends the utterance in progress now. `id` comes back in the `final`s that it causes. */
export const FinalizeMessage = v.object({ type: v.literal('finalize'), id: v.optional(id) });
/** Echoed when all audio before it is processed and its finals are sent. */
export const MarkMessage = v.object({ type: v.literal('mark'), id });
/** Changes settings of the running session from the next utterance on. */
export const ConfigureMessage = v.object({ type: v.literal('configure'), ...recognition });
export const PingMessage = v.object({ type: v.literal('ping'), id: v.optional(id) });
/** Goes on with a session whose socket was lost, in place of `start`. */
export const ResumeMessage = v.object({
  type: v.literal('resume'),
  /** `ready.resumeToken` of the session. */
  token: id,
  /**
   * Events that have come so far: all messages of the server but `ready`, `resumed`, `ack`, `partial`, `polishedDelta`
   * and `pong`.
   */
  events: sampleOffset,
  /**
   * The first sample that the client can still send (client's rate). Absent: only the node that has the session goes
   * on.
   */
  keptFrom: v.optional(sampleOffset),
});
/** No more audio: finish, send `stopped`, close. */
export const StopMessage = v.object({ type: v.literal('stop') });

export const ClientMessage = v.variant('type', [
  StartMessage,
  ResumeMessage,
  AudioMessage,
  FinalizeMessage,
  MarkMessage,
  ConfigureMessage,
  PingMessage,
  StopMessage,
]);

/** A word with its time in the stream, milliseconds since its first sample, and its probability, 0-1. */
export const Word = v.object({ text: v.string(), startMs: v.number(), endMs: v.number(), confidence: v.number() });

export const ReadyMessage = v.object({
  type: v.literal('ready'),
  version: v.literal(PROTOCOL_VERSION),
  sessionId: v.string(),
  model: v.string(),
  /** Languages that the model knows. */
  languages: v.array(v.string()),
  limits: v.object({ messageBytesMax: v.number(), bufferedAudioMsMax: v.number() }),
  /** What this server polishes with; absent where it has no polisher. */
  polish: v.optional(
    v.object({
      /** Whether the models answer now. If not, texts fall back (see `polished.fallback`) until they do. */
      available: v.boolean(),
      /** Names of the models for `quality: fast` and `quality: best`; one where they are the same. */
      models: v.array(v.string()),
      modes: v.array(polishMode),
      /** Languages that the models write; others fall back. Absent: all of them. */
      languages: v.optional(v.array(v.string())),
    }),
  ),
  /** A secret: who knows it may `resume` this session. Absent where the server keeps no session without its socket. */
  resumeToken: v.optional(v.string()),
  /** How long the session waits for its client after its socket is lost, milliseconds. */
  resumeWindowMs: v.optional(v.number()),
  /** The session survives its node: the client keeps audio from this sample on, until an `ack` names a later one. */
  keepFrom: v.optional(sampleOffset),
  /** Set if the session is shared: its public name, and the secret that lets others watch it until it ends. */
  shareId: v.optional(v.string()),
  watchToken: v.optional(v.string()),
});
/** The session goes on: the answer to `resume`. The events that were missed follow. */
export const ResumedMessage = v.object({
  type: v.literal('resumed'),
  sessionId: v.string(),
  audio: AudioFormat,
  /** All samples before this have arrived (client's rate): send on from here. */
  offset: sampleOffset,
  /** Messages of the client that have arrived: all but `start`, `resume`, `audio` and `ping`. */
  messages: sampleOffset,
  /** Set where another node goes on from a checkpoint: how many events the client has got, from now on (rule RS12). */
  events: v.optional(sampleOffset),
  /** Set with `events`: what came of segments from this one on is void, and comes again. */
  segments: v.optional(sampleOffset),
});
/**
 * All samples before `offset` (client's rate) have arrived and may be forgotten. `lagMs`: audio received and not yet
 * decoded. `keepFrom`: audio from this sample on is sent again if the node is lost (rule RS11).
 */
export const AckMessage = v.object({
  type: v.literal('ack'),
  offset: sampleOffset,
  lagMs: v.number(),
  keepFrom: v.optional(sampleOffset),
});
export const SpeechStartedMessage = v.object({
  type: v.literal('speechStarted'),
  segmentId: v.number(),
  startMs: v.number(),
  channel,
});
export const SpeechEndedMessage = v.object({
  type: v.literal('speechEnded'),
  segmentId: v.number(),
  endMs: v.number(),
  channel,
});
/**
 * A hypothesis: `stable` never changes again and only grows, `tentative` follows it and may change. Both carry their
 * own spaces.
 */
export const PartialMessage = v.object({
  type: v.literal('partial'),
  segmentId: v.number(),
  revision: v.number(),
  stable: v.string(),
  tentative: v.string(),
  startMs: v.number(),
  /** End of the audio that this hypothesis has heard. */
  endMs: v.number(),
  lagMs: v.number(),
  channel,
});
export const FinalMessage = v.object({
  type: v.literal('final'),
  segmentId: v.number(),
  /** Why the utterance ended: a pause, the window was full, the client asked, the stream ended. */
  reason: v.picklist(['endpoint', 'forced', 'finalize', 'stop']),
  finalizeId: v.optional(v.string()),
  /** Empty when the segment was judged not to be speech: `noise` then says why. */
  text: v.string(),
  noise: v.optional(v.picklist(['noSpeech', 'lowConfidence', 'repetition', 'empty'])),
  startMs: v.number(),
  endMs: v.number(),
  words: v.optional(v.array(Word)),
  language: v.string(),
  /** Mean natural-log probability of the tokens. */
  avgLogprob: v.number(),
  noSpeechProb: v.number(),
  channel,
});

/** A segment, or the whole session, as readable text. It replaces all deltas of its text. */
export const PolishedMessage = v.object({
  type: v.literal('polished'),
  scope: v.picklist(['segment', 'session']),
  /** With the scope `segment`: whose final this is made of. */
  segmentId: v.optional(v.number()),
  /** With the scope `session`: the segments that the text is made of, both included. */
  firstSegmentId: v.optional(v.number()),
  lastSegmentId: v.optional(v.number()),
  /** Never empty. */
  text: v.string(),
  mode: polishMode,
  /** What wrote the text: a model, `rules`, or `none` where it is the raw text. */
  model: v.string(),
  /** Why the text is not what a model made of it (rule PO5). */
  fallback: v.optional(
    v.picklist([
      'unavailable',
      'overloaded',
      'timeout',
      'failed',
      'language',
      'tooShort',
      'tooLong',
      'unrelated',
      'changedWord',
      'changedNumber',
      'changedName',
      'changedNegation',
      'markup',
    ]),
  ),
  /** From the final (or the stop) to this message. */
  latencyMs: v.number(),
  channel,
});
/** A polished text while it is being written: `text` stands at `from` in what has been written of it so far. */
export const PolishedDeltaMessage = v.object({
  type: v.literal('polishedDelta'),
  scope: v.picklist(['segment', 'session']),
  segmentId: v.optional(v.number()),
  /** UTF-16 code units. Behind what came before: it goes on. Less: it replaces what came from there on. */
  from: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  text: v.string(),
  channel,
});
export const MarkEchoMessage = v.object({ type: v.literal('mark'), id, offset: sampleOffset });
export const PongMessage = v.object({ type: v.literal('pong'), id: v.optional(id) });
export const StoppedMessage = v.object({
  type: v.literal('stopped'),
  reason: v.picklist(['stop', 'drain']),
  audioMs: v.number(),
  speechMs: v.number(),
  segments: v.number(),
  words: v.number(),
});
export const ErrorMessage = v.object({
  type: v.literal('error'),
  code: v.picklist(ERROR_CODES),
  message: v.string(),
  /** Whether the same request may succeed later. */
  retryable: v.boolean(),
  /** Whether the server closes the socket after this. */
  fatal: v.boolean(),
  /** When to try again, milliseconds from now: with `overloaded`, and with `quota_exceeded` where it is known. */
  retryAfterMs: v.optional(v.number()),
  /** The utterance that could not be recognised, with its times: set with `recognition_failed` only. */
  segmentId: v.optional(v.number()),
  startMs: v.optional(v.number()),
  endMs: v.optional(v.number()),
  channel,
});

/** What a viewer sees first: the lines of the moment. The events that follow go on from here. */
export const WatchingMessage = v.object({
  type: v.literal('watching'),
  version: v.literal(PROTOCOL_VERSION),
  shareId: v.string(),
  /** The last finals with words in them, oldest first; bounded by the server. */
  finals: v.array(FinalMessage),
  /** The latest partial of each utterance that has no final yet. */
  partials: v.array(PartialMessage),
  /** What there is of these finals in polished text. Absent: nothing. */
  polished: v.optional(v.array(PolishedMessage)),
});
/** The session that was watched is over: the speaker stopped, was lost, or the server shuts down. */
export const EndedMessage = v.object({
  type: v.literal('ended'),
  reason: v.picklist(['stop', 'lost', 'drain']),
});

/** All that a server may say, to a speaker (`/v1/stream`) or to a viewer (`/v1/watch`). */
export const ServerMessage = v.variant('type', [
  ReadyMessage,
  ResumedMessage,
  AckMessage,
  SpeechStartedMessage,
  SpeechEndedMessage,
  PartialMessage,
  FinalMessage,
  PolishedMessage,
  PolishedDeltaMessage,
  MarkEchoMessage,
  PongMessage,
  StoppedMessage,
  ErrorMessage,
  WatchingMessage,
  EndedMessage,
]);

export type AudioFormat = v.InferOutput<typeof AudioFormat>;
export type AudioEncoding = AudioFormat['encoding'];
export type Endpointing = v.InferOutput<typeof Endpointing>;
/** The settings of recognition that `start` and `configure` share, as a caller writes them. */
export type RecognitionSettings = Omit<v.InferInput<typeof ConfigureMessage>, 'type'>;
export type StartMessage = v.InferOutput<typeof StartMessage>;
export type ResumeMessage = v.InferOutput<typeof ResumeMessage>;
export type AudioMessage = v.InferOutput<typeof AudioMessage>;
export type ConfigureMessage = v.InferOutput<typeof ConfigureMessage>;
export type ClientMessage = v.InferOutput<typeof ClientMessage>;
export type ReadyMessage = v.InferOutput<typeof ReadyMessage>;
export type ResumedMessage = v.InferOutput<typeof ResumedMessage>;
export type AckMessage = v.InferOutput<typeof AckMessage>;
export type Word = v.InferOutput<typeof Word>;
export type PartialMessage = v.InferOutput<typeof PartialMessage>;
export type FinalMessage = v.InferOutput<typeof FinalMessage>;
export type PolishMode = (typeof POLISH_MODES)[number];
export type PolishSettings = v.InferOutput<typeof PolishSettings>;
export type PolishOffer = NonNullable<ReadyMessage['polish']>;
export type PolishedMessage = v.InferOutput<typeof PolishedMessage>;
export type PolishedDeltaMessage = v.InferOutput<typeof PolishedDeltaMessage>;
/** Why a text is not what a model made of it. */
export type PolishFallback = NonNullable<PolishedMessage['fallback']>;
export type ErrorMessage = v.InferOutput<typeof ErrorMessage>;
export type StoppedMessage = v.InferOutput<typeof StoppedMessage>;
export type WatchingMessage = v.InferOutput<typeof WatchingMessage>;
export type EndedMessage = v.InferOutput<typeof EndedMessage>;
export type ServerMessage = v.InferOutput<typeof ServerMessage>;
