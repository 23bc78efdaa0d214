// Why a job is not taken.
import { CodedError } from '@sotto/protocol';

/**
 * - `jobs_full`: too many wait already; it may be tried again.
 * - `path_refused`: the server takes no paths, or not such ones.
 * - `path_unknown`: the folder has no such file, or none that it may show.
 * - `webhook_refused`: the URL leads where webhooks may not.
 */
export type JobErrorCode = 'jobs_full' | 'path_refused' | 'path_unknown' | 'webhook_refused';

/** The message may be told to the client. */
export class JobError extends CodedError<JobErrorCode> {
  override readonly name = 'JobError';
}
