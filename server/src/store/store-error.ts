// What goes wrong with what is kept: a folder that cannot be used, a store that does not answer.
import { messageOf, CodedError } from '@sotto/protocol';

/**
 * - `store_in_use`: another process works with the data folder.
 * - `store_damaged`: the data file is not what Sotto wrote.
 * - `store_unavailable`: the folder or the server of the store cannot be read or written: permissions, a full disk, no
 *   connection.
 * - `store_full`: a bound of what may be kept is reached.
 */
export type StoreErrorCode = 'store_in_use' | 'store_damaged' | 'store_unavailable' | 'store_full';

export class StoreError extends CodedError<StoreErrorCode> {
  override readonly name = 'StoreError';
}

/** A failure of the system as a StoreError; one that is one already stays as it is. */
export function asStoreError(error: unknown, what: string): StoreError {
  if (error instanceof StoreError) return error;
  const reason = messageOf(error);
  return new StoreError('store_unavailable', `${what}: ${reason}`, { cause: error });
}
