// A session's settings as its client reads them, in the shape of the GA and in the flat one of the beta.
import type { SessionConfig } from './session-config.js';

/** Sotto ends no session for its age; a client that plans by this date makes a new one each day. */
const SESSION_AGE_S = 86_400;
const OBJECT = 'realtime.transcription_session';

export interface SessionView {
  readonly id: string;
  readonly isBeta: boolean;
  readonly config: SessionConfig;
  /** Seconds since 1970. */
  readonly now: number;
}

export function sessionView({ id, isBeta, config, now }: SessionView): Readonly<Record<string, unknown>> {
  const head = { id, object: OBJECT, expires_at: now + SESSION_AGE_S };
  const transcription =
    config.transcription === null ? null : { language: null, prompt: null, ...withoutUndefined(config.transcription) };
  if (isBeta) {
    return {
      ...head,
      ...(config.type === 'realtime' ? conversationOf(config) : {}),
      input_audio_format: BETA_FORMATS[config.format.type],
      input_audio_transcription: transcription,
      input_audio_noise_reduction: config.noiseReduction,
      turn_detection: config.turnDetection,
      client_secret: null,
      include: config.include,
    };
  }
  return {
    ...head,
    type: config.type,
    audio: {
      input: {
        format:
          config.format.type === 'audio/pcm' ? { ...config.format, rate: config.format.rate ?? 24_000 } : config.format,
        transcription,
        noise_reduction: config.noiseReduction,
        turn_detection: config.turnDetection,
      },
    },
    include: config.include,
  };
}

/** What the beta tells of a session that is not made for transcription alone: here nothing is ever answered. */
function conversationOf({ transcription }: SessionConfig) {
  return {
    object: 'realtime.session',
    ...(transcription?.model === undefined ? {} : { model: transcription.model }),
    modalities: ['text'],
    instructions: '',
    tools: [],
    tool_choice: 'none',
  };
}

const BETA_FORMATS = { 'audio/pcm': 'pcm16', 'audio/pcmu': 'g711_ulaw', 'audio/pcma': 'g711_alaw' } as const;

/** Where a field of the beta's flat session stands in the GA's. */
const BETA_FIELDS = {
  input_audio_format: 'format',
  input_audio_transcription: 'transcription',
  input_audio_noise_reduction: 'noise_reduction',
  turn_detection: 'turn_detection',
} as const;

/** A flat update of the beta in the shape of the GA. What is no object is left for the schema to refuse. */
export function fromBeta(session: unknown): unknown {
  if (typeof session !== 'object' || session === null) return session;
  const given = new Map(Object.entries(session));
  const input = Object.entries(BETA_FIELDS).flatMap(([flat, nested]) =>
    given.has(flat) ? [[nested, given.get(flat)] as const] : [],
  );
  const flat = { audio: { input: Object.fromEntries(input) } };
  return { ...flat, ...pick(given, ['audio', 'include']) };
}

/** What both shapes have in common, and the GA's own where a client of the beta sends that. */
function pick(given: ReadonlyMap<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.flatMap((key) => (given.has(key) ? [[key, given.get(key)]] : [])));
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined));
}
