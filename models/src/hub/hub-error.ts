// The error of everything that asks a model hub: a stable code, and a message that says what to do.
import { CodedError } from '@sotto/protocol';

/**
 * - `bad_name`: what was asked for is no name of a repository.
 * - `bad_endpoint`: what the hub's address is said to be is no address.
 * - `repository_unknown`: the hub has no such repository or revision, or hides it.
 * - `access_denied`: the hub wants a token, a better one, or the model's terms to be accepted.
 * - `file_unknown`: the repository has no file of the kind that is wanted.
 * - `unreachable`: the hub cannot be reached, or failed again and again.
 * - `bad_answer`: the hub answered something that is not its protocol.
 * - `hash_mismatch`: a file is not what the hub says it is, twice in a row.
 * - `disk_full`: the files do not fit where they are kept.
 * - `offline`: the hub must not be asked, and the files are not here.
 */
export type HubErrorCode =
  | 'bad_name'
  | 'bad_endpoint'
  | 'repository_unknown'
  | 'access_denied'
  | 'file_unknown'
  | 'unreachable'
  | 'bad_answer'
  | 'hash_mismatch'
  | 'disk_full'
  | 'offline';

export class HubError extends CodedError<HubErrorCode> {
  override readonly name = 'HubError';
}
