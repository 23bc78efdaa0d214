// The segments of several channels under ids of one stream, in the order in which they begin.
import type { ServerMessage } from '@sotto/protocol';

/** Ids of a channel that are remembered: those that answers may still come for, and many more. */
const REMEMBERED_MAX = 4_096;

/** Ids of one channel. */
interface Ids {
  /** Of the first that is remembered, in the channel. */
  first: number;
  /** In the stream. */
  readonly inStream: number[];
}

export class ChannelSegments {
  readonly #ids: readonly Ids[];
  #next = 0;

  constructor(channels: number) {
    this.#ids = Array.from({ length: channels }, () => ({ first: 0, inStream: [] }));
  }

  /** What a channel says, with its number and with ids of the stream. */
  place<M extends ServerMessage>(channel: number, message: M): M {
    const placed: Record<string, unknown> = { ...message, channel };
    if (message.type === 'speechStarted') this.#begin(channel);
    for (const field of ['segmentId', 'firstSegmentId', 'lastSegmentId']) {
      const id = placed[field];
      if (typeof id === 'number') placed[field] = this.#idOf(channel, id);
    }
    // Every field keeps its type.
    return placed as M;
  }

  #begin(channel: number): void {
    const ids = this.#ids[channel];
    if (ids === undefined) return;
    ids.inStream.push(this.#next++);
    if (ids.inStream.length <= REMEMBERED_MAX) return;
    ids.inStream.shift();
    ids.first++;
  }

  /** Of one that is not remembered: the oldest that is. */
  #idOf(channel: number, id: number): number {
    const { first, inStream } = this.#ids[channel] ?? { first: 0, inStream: [] };
    return inStream[Math.max(0, id - first)] ?? this.#next;
  }
}
