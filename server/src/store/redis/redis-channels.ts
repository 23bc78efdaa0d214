// Publish and subscribe through Redis, on a connection of its own from the first subscription on.
import { connectRedis, type RedisConnection } from './connect-redis.js';

type OnData = (data: Uint8Array) => void;

export class RedisChannels {
  readonly #redis: RedisConnection;
  readonly #url: string;
  readonly #prefix: string;
  readonly #listeners = new Map<string, Set<OnData>>();
  #subscriber: RedisConnection | undefined;

  /** @param redis for what is published */
  constructor(redis: RedisConnection, url: string, prefix: string) {
    this.#redis = redis;
    this.#url = url;
    this.#prefix = prefix;
  }

  publish(channel: string, data: Uint8Array): void {
    void this.#redis.publish(this.#prefix + channel, Buffer.from(data)).catch(() => undefined);
  }

  /** `onceHeard`: what is published from now on is heard. Returns what ends it. */
  subscribe(channel: string, onData: OnData, onceHeard: () => void): () => void {
    const name = this.#prefix + channel;
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(onData));
    // Again after each loss of the connection; one that is lost before fails, and its follower hears nothing.
    void this.#subscribing()
      .subscribe(name)
      .then(onceHeard, () => undefined);
    return () => {
      listeners.delete(onData);
      if (listeners.size > 0 || this.#listeners.get(name) !== listeners) return;
      this.#listeners.delete(name);
      void this.#subscriber?.unsubscribe(name).catch(() => undefined);
    };
  }

  mark(name: string, seconds: number): void {
    void this.#redis.set(this.#prefix + name, '', 'EX', seconds).catch(() => undefined);
  }

  unmark(name: string): void {
    void this.#redis.del(this.#prefix + name).catch(() => undefined);
  }

  /** False, too, where that cannot be told. */
  async isMarked(name: string): Promise<boolean> {
    return (await this.#redis.exists(this.#prefix + name).catch(() => 0)) === 1;
  }

  close(): void {
    this.#subscriber?.disconnect();
  }

  #subscribing(): RedisConnection {
    if (this.#subscriber !== undefined) return this.#subscriber;
    const subscriber = connectRedis(this.#url, { maxRetriesPerRequest: null });
    subscriber.on('error', () => undefined);
    subscriber.on('messageBuffer', (channel: Buffer, data: Buffer) => {
      for (const onData of this.#listeners.get(channel.toString()) ?? []) onData(data);
    });
    this.#subscriber = subscriber;
    return subscriber;
  }
}
