// Every bound of the wire that both ends must know, with its unit.

/** Bounds of the protocol. A server may be stricter; `ready.limits` says so. */
export const LIMITS = {
  /** Sample rates a client may send, Hz. */
  sampleRateMin: 8_000,
  sampleRateMax: 48_000,
  /** Channels of one stream; they are mixed to one. */
  channelsMax: 8,
  /** Bytes of one WebSocket message; a larger one closes the socket (`messageTooLarge`). */
  messageBytesMax: 1_048_576,
  /** Characters of one JSON text frame of a client; audio is binary and bounded by `messageBytesMax`. */
  textCharsMax: 65_536,
  /** Values in one MessagePack message, and how deep they nest: more is malformed and never decoded. */
  messageValuesMax: 16_384,
  messageDepthMax: 8,
  /** Characters of `prompt`. */
  promptCharsMax: 2_000,
  /** Hotwords of one session; long lists are known to hurt. */
  hotwordsMax: 500,
  hotwordCharsMax: 64,
  /** Rules of `replacements` and names of `redactNames` in one session, and characters of each text in them. */
  replacementsMax: 1_000,
  replacementCharsMax: 100,
  /** Languages that `languages` names. */
  languagesMax: 32,
  /** A hole in the audio up to this is filled with silence, milliseconds; a larger one ends the session. */
  gapMsMax: 2_000,
  /** Characters of ids that a client chooses (`mark`, `finalize`, `ping`). */
  idCharsMax: 128,
} as const;
