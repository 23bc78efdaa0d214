// A server that the network reaches serves those who have a key, unless its operator wants it otherwise.
import { isLoopback } from '../http/hosts.js';
import { AccessError } from './access-error.js';

/**
 * @param isGuarded keys are demanded, or whoever comes is welcome
 * @throws AccessError
 */
export function refuseOpenHost(host: string, isGuarded: boolean): void {
  if (isLoopback(host) || isGuarded) return;
  throw new AccessError(
    'open_host',
    `--host ${host} would let anybody who reaches this machine use it: make a key first (sotto keys create), ` +
      'or allow clients without one (--allow-anonymous true).',
  );
}

/** Wyoming has no keys: on the network it is for those who let anybody in. @throws AccessError */
export function refuseOpenWyoming(host: string, allowAnonymous: boolean): void {
  if (isLoopback(host) || allowAnonymous) return;
  throw new AccessError(
    'open_host',
    `--wyoming-port on --host ${host} would let anybody who reaches this machine use it, since Wyoming has no keys: ` +
      'add --allow-anonymous true, or leave it out.',
  );
}
