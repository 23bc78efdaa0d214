// The stable error codes of the protocol, and whether the same request may succeed later.

/** Codes of `error` messages. Codes are never renamed or reused; numbered rules in protocol/README.md say when each is sent. */
export const ERROR_CODES = [
  'malformed_message',
  'unknown_message',
  'invalid_message',
  'message_too_large',
  'not_started',
  'already_started',
  'unsupported_audio',
  'unsupported_language',
  'unsupported_option',
  'odd_byte_count',
  'invalid_samples',
  'offset_gap',
  'audio_too_fast',
  'too_many_messages',
  'recognition_failed',
  'overloaded',
  'shutting_down',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];
