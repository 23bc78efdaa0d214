// Shared sessions and their viewers.
import { SHARING_DEFAULTS } from '../../watch/shares.js';
import { integer, toggle } from '../setting.js';

export const WATCHING_SETTINGS = {
  shareEnabled: toggle(SHARING_DEFAULTS.isEnabled, {
    meaning:
      'Whether a speaker may share a session, so that others watch its captions with the token that only the speaker gets.',
  }),
  viewersMax: integer(SHARING_DEFAULTS.viewersMax, {
    unit: 'viewers',
    min: 1,
    max: 1_000_000,
    meaning: 'Viewers of one session at a time; each is also one of maxConnections. Beyond: closed with 1013.',
  }),
} as const;
