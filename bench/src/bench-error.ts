// The errors that a bench ends with: a stable code and a sentence for the person who ran it.
import { CodedError } from '@sotto/protocol';

/**
 * - `usage`: an option is wrong.
 * - `badRecordings`: a manifest or an audio file cannot be read.
 * - `badResult`: a file is no result of a bench.
 * - `serverFailed`: the server did not become ready, died, or refused a connection.
 * - `peerFailed`: another recogniser could not be started, or did not answer.
 * - `timedOut`: something did not happen within its bound.
 * - `mismatch`: two ways that must give the same tokens did not.
 */
export type BenchErrorCode =
  | 'usage'
  | 'badRecordings'
  | 'badResult'
  | 'serverFailed'
  | 'peerFailed'
  | 'timedOut'
  | 'mismatch';

export class BenchError extends CodedError<BenchErrorCode> {
  override readonly name = 'BenchError';
}
