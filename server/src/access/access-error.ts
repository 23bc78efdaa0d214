// What goes wrong with keys and tokens themselves.
import { CodedError } from '@sotto/protocol';

/**
 * - `keys_full`: as many keys as there may be have been made.
 * - `keys_unavailable`: there is no store to keep them in.
 * - `open_host`: the network would reach a server that asks nobody for a key.
 */
export type AccessErrorCode = 'keys_full' | 'keys_unavailable' | 'open_host';

export class AccessError extends CodedError<AccessErrorCode> {
  override readonly name = 'AccessError';
}
