// The error of everything that asks a model hub: a stable code, and a message that says what to do.
import { CodedError } from '@sotto/protocol';

/**
 * - `badName`: what was asked for is no name of a repository.
 * - `badEndpoint`: what the hub's address is said to be is no address.
 * - `repositoryUnknown`: the hub has no such repository or revision, or hides it.
 * - `accessDenied`: the hub wants a token, a better one, or the model's terms to be accepted.
 * - `fileUnknown`: the repository has no file of the kind that is wanted.
 * - `unreachable`: the hub cannot be reached, or failed again and again.
 * - `badAnswer`: the hub answered something that is not its protocol.
 * - `hashMismatch`: a file is not what the hub says it is, twice in a row.
 * - `diskFull`: the files do not fit where they are kept.
 * - `offline`: the hub must not be asked, and the files are not here.
 */
export type HubErrorCode =
  | 'badName'
  | 'badEndpoint'
  | 'repositoryUnknown'
  | 'accessDenied'
  | 'fileUnknown'
  | 'unreachable'
  | 'badAnswer'
  | 'hashMismatch'
  | 'diskFull'
  | 'offline';

export class HubError extends CodedError<HubErrorCode> {
  override readonly name = 'HubError';
}
