// The errors that a bench ends with: a stable code and a sentence for the person who ran it.
import { CodedError } from '@sotto/protocol';

/**
 * - `usage`: an option is wrong.
 * - `bad_recordings`: a manifest or an audio file cannot be read.
 * - `bad_result`: a file is no result of a bench.
 * - `server_failed`: the server did not become ready, died, or refused a connection.
 * - `peer_failed`: another recogniser could not be started, or did not answer.
 * - `timed_out`: something did not happen within its bound.
 * - `mismatch`: two ways that must give the same tokens did not.
 */
export type BenchErrorCode =
  | 'usage'
  | 'bad_recordings'
  | 'bad_result'
  | 'server_failed'
  | 'peer_failed'
  | 'timed_out'
  | 'mismatch';

export class BenchError extends CodedError<BenchErrorCode> {
  override readonly name = 'BenchError';
}
