// Recordings that are transcribed in the background.
import { integer, optionalText } from '../setting.js';
import { GIB } from '../units.js';

export const JOBS_SETTINGS = {
  jobsMax: integer(1, {
    unit: 'jobs',
    min: 1,
    max: 64,
    meaning:
      'Jobs that this server runs at the same time. Live streams and files of direct requests share the engines with them.',
  }),
  jobsWaitingMax: integer(100, {
    unit: 'jobs',
    min: 1,
    max: 10_000,
    meaning: 'Jobs that may wait. Beyond: HTTP 503.',
  }),
  uploadsBytesMax: integer(10 * GIB, {
    unit: 'bytes',
    min: 1_048_576,
    max: 10_000 * GIB,
    meaning: 'Recordings of all jobs that are not over, together. Beyond: HTTP 503.',
  }),
  jobFolder: optionalText({
    unit: 'folder',
    meaning:
      'Folder whose files jobs may name instead of uploading them; symbolic links that lead out of it are rejected. Empty: none.',
  }),
} as const;
