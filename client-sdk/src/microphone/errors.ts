// The error of audio capture: one stable code for each thing that a person can do about it.
import { SottoError } from '../errors.js';

/** Each code with the sentence for developers; an application shows its own words. */
const MESSAGES = {
  permission_denied: 'The microphone may not be used: the person or the system refused it.',
  no_device: 'There is no such microphone.',
  device_busy: 'The microphone cannot be read: another program may hold it.',
  device_lost: 'The microphone was unplugged, or its use was withdrawn.',
  insecure_context: 'Browsers give the microphone only to pages on https:// or localhost.',
  unsupported: 'This browser cannot capture audio.',
  no_audio: 'The shared tab or window carries no audio.',
  unreadable_file: 'The file holds no audio that this browser can read.',
  file_too_large: 'The file is too large to be decoded by a browser.',
  capture_failed: 'Audio capture failed.',
} as const;

export type CaptureErrorCode = keyof typeof MESSAGES;

/**
 * The sound cannot be captured, or no longer. `retryable`: the same call may succeed once a person has done something
 * about it.
 */
export class CaptureError extends SottoError {
  override readonly name = 'CaptureError';
  readonly retryable: boolean;
  readonly code: CaptureErrorCode;

  constructor(code: CaptureErrorCode, options?: ErrorOptions) {
    super(MESSAGES[code], options);
    this.code = code;
    this.retryable = !['insecure_context', 'unsupported', 'unreadable_file', 'file_too_large'].includes(code);
  }
}

/**
 * What `getUserMedia` and `getDisplayMedia` throw (DOMException names of Media Capture and Streams, 10.2.3) as a code.
 */
const CODES: Readonly<Record<string, CaptureErrorCode>> = {
  NotAllowedError: 'permission_denied',
  SecurityError: 'permission_denied',
  NotFoundError: 'no_device',
  OverconstrainedError: 'no_device',
  NotReadableError: 'device_busy',
  AbortError: 'device_busy',
  InvalidStateError: 'unsupported',
  TypeError: 'unsupported',
};

export function captureErrorOf(cause: unknown): CaptureError {
  if (cause instanceof CaptureError) return cause;
  const name = cause instanceof Error ? cause.name : '';
  return new CaptureError(CODES[name] ?? 'capture_failed', { cause });
}
