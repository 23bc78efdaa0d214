// Recordings that come over HTTP.
import { integer, text } from '../setting.js';
import { GIB } from '../units.js';

export const FILES_SETTINGS = {
  uploadBytesMax: integer(999_000_000, {
    unit: 'bytes',
    min: 1_024,
    max: 1_000 * GIB,
    meaning:
      'One uploaded recording. Beyond: HTTP 413, before it is read where its length is declared. uWebSockets.js takes 1 GB and more only in chunks.',
  }),
  filesMax: integer(8, {
    unit: 'recordings',
    min: 1,
    max: 10_000,
    meaning: 'Recordings that are transcribed at the same time. Others wait. Live streams always go first.',
  }),
  filesWaitingMax: integer(256, {
    unit: 'recordings',
    min: 0,
    max: 100_000,
    meaning: 'Recordings that may wait for their turn. Beyond: HTTP 503.',
  }),
  ffmpeg: text('ffmpeg', {
    unit: 'program | off',
    meaning:
      'Optional helper that decodes AIFF, CAF, W64, MP2, AC-3, MPEG-TS, WMA and other kinds that Sotto does not: a program on the PATH, or its path. off, or none there: they are refused.',
  }),
} as const;
