// What is kept, where, and for how long.
import { choice, integer, optionalText } from '../setting.js';
import { GIB, HOUR_MS } from '../units.js';

export const STORAGE_SETTINGS = {
  store: choice(['auto', 'lmdb', 'redis', 'none'], 'auto', {
    meaning:
      'Where transcripts, jobs and results are kept: in LMDB in the data folder of this server, in Redis for several nodes, or nowhere. auto: Redis where redisUrl is set, else LMDB.',
  }),
  dataDir: optionalText({
    unit: 'folder',
    meaning: 'Data folder of the server, which one process uses at a time. Empty: sotto/data in the user data folder.',
  }),
  redisUrl: optionalText({
    unit: 'URL',
    meaning:
      'Redis that the nodes share, such as redis://:password@host:6379/0 (rediss for TLS); behind Sentinels redis+sentinel://host,host/master/0, a cluster redis+cluster://host,host.',
    otherVariables: ['REDIS_URL'],
  }),
  retentionMs: integer(24 * HOUR_MS, {
    unit: 'milliseconds',
    min: 60_000,
    max: 10 * 365 * 24 * HOUR_MS,
    meaning: 'How long transcripts, jobs and results of files are kept. Audio is never kept beyond its job.',
  }),
  cacheBytesMax: integer(268_435_456, {
    unit: 'bytes',
    min: 0,
    max: 1_000 * GIB,
    meaning:
      'Results of recordings, kept so that the same recording need not be transcribed again. Beyond: the oldest go. 0: none are kept.',
  }),
  listing: choice(['auto', 'on', 'off'], 'auto', {
    meaning:
      'Whether clients may list and search transcripts and jobs. auto: those on this machine, where host is a loopback address. One by its id is always shown: the id is the secret.',
  }),
} as const;
