// How much one key, one address and all together may have: nobody takes it all.
import { integer } from '../setting.js';
import { HOUR_MS } from '../units.js';

const count = (standard: number, unit: string, meaning: string) =>
  integer(standard, { unit, min: 0, max: 1_000_000_000_000, meaning: `${meaning} 0: no bound.` });

export const ADMISSION_SETTINGS = {
  streamsPerKeyMax: count(1_000, 'streams', 'Live sockets of one key. Beyond: `quota_exceeded`.'),
  streamsPerAddressMax: count(
    250,
    'streams',
    'Live sockets of one address. Addresses of this machine have no bound of their own, here and below.',
  ),
  detachedSessionsPerKeyMax: count(
    500,
    'sessions',
    'Sessions of one key that may wait for their clients. Beyond: one of its own without audio ends, else its oldest.',
  ),
  detachedSessionsPerAddressMax: count(100, 'sessions', 'The same of one address.'),
  audioMsPerDayPerKeyMax: count(
    0,
    'milliseconds',
    'Audio of one key a day, from its first on: live, in recordings and in jobs. Beyond: `quota_exceeded` (sockets: closed with 4430; HTTP: 429; a job fails).',
  ),
  audioMsPerDayPerAddressMax: count(1_000 * HOUR_MS, 'milliseconds', 'The same of one address.'),
  audioMsPerDayMax: count(0, 'milliseconds', 'The same of all clients together.'),
  streamBytesPerSecondPerKeyMax: count(
    268_435_456,
    'bytes per second',
    'Audio that the sockets of one key may send. Beyond: `quota_exceeded`, closed with 4430.',
  ),
  streamBytesPerSecondPerAddressMax: count(67_108_864, 'bytes per second', 'The same of one address.'),
  sessionMsMax: count(
    24 * HOUR_MS,
    'milliseconds',
    'How long one session may send audio. Beyond: `quota_exceeded`; a new one may begin at once.',
  ),
  requestsPerMinutePerKeyMax: count(6_000, 'requests per minute', 'HTTP requests of one key. Beyond: 429.'),
  requestsPerMinutePerAddressMax: count(12_000, 'requests per minute', 'The same of one address.'),
  uploadsPerKeyMax: count(64, 'uploads', 'Requests with a body that one key may have under way. Beyond: 429.'),
  uploadsPerAddressMax: count(16, 'uploads', 'The same of one address.'),
  uploadsMax: count(256, 'uploads', 'The same of all clients together.'),
  jobsPerKeyMax: count(50, 'jobs', 'Jobs of one key that are not over. Beyond: 503.'),
  jobsPerAddressMax: count(50, 'jobs', 'The same of one address.'),
} as const;
