// The stable error codes of the protocol, what each means for a client, and the error that the codecs throw.
import { CodedError } from './coded-error.js';

/** What a client may conclude from a code. */
export interface ErrorTraits {
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Whether the server closes the socket after it. Before `ready` every error is fatal (rule ER3). */
  readonly fatal: boolean;
}

const ignored = { retryable: false, fatal: false } as const;
const ends = { retryable: false, fatal: true } as const;
const endsForNow = { retryable: true, fatal: true } as const;

/** Every code of an `error` message. Codes are never renamed or reused; protocol/README.md says when each is sent. */
export const ERRORS = {
  malformed_message: ends,
  unknown_message: ignored,
  invalid_message: ignored,
  message_too_large: ends,
  not_started: ends,
  unauthorized: ends,
  forbidden: ends,
  resume_unknown: ends,
  already_started: ignored,
  unsupported_audio: ignored,
  unsupported_language: ignored,
  unsupported_option: ignored,
  odd_byte_count: ignored,
  invalid_samples: ignored,
  offset_gap: ignored,
  audio_too_fast: ends,
  too_many_messages: ends,
  share_unknown: ends,
  read_only: ends,
  recognition_failed: { retryable: true, fatal: false },
  overloaded: endsForNow,
  quota_exceeded: endsForNow,
  shutting_down: endsForNow,
  internal: endsForNow,
} as const satisfies Record<string, ErrorTraits>;

export type ErrorCode = keyof typeof ERRORS;

export const ERROR_CODES = Object.keys(ERRORS) as ErrorCode[];

/**
 * A frame that breaks the protocol. `message` is written for the developer of the other end and names the wrong field.
 */
export class ProtocolError extends CodedError<ErrorCode> {
  override readonly name = 'ProtocolError';
  /** Type of the message that was refused; undefined where the frame did not say a known one. */
  readonly messageType: string | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions & { messageType?: string } = {}) {
    super(code, message, options);
    this.messageType = options.messageType;
  }
}
