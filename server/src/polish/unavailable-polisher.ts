// A model that was named and cannot be had: it keeps its place, so that clients are told, and their texts fall back.
import { POLISH_MODES } from '@sotto/protocol';
import { PolisherError, type Polisher } from './polisher.js';

export class UnavailablePolisher implements Polisher {
  readonly modes = POLISH_MODES;
  readonly languages = undefined;
  readonly concurrency = 1;
  readonly isAvailable = false;
  readonly name: string;
  /** Why, for the log. */
  readonly reason: string;

  constructor(name: string, reason: string) {
    this.name = name;
    this.reason = reason;
  }

  polish(): Promise<string> {
    return Promise.reject(new PolisherError('unavailable', this.reason));
  }

  async warmUp(): Promise<void> {}

  async close(): Promise<void> {}
}
