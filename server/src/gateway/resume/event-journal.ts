// The events of one session that its client may not have got, so that they can be sent again on another socket.
import type { ServerMessage } from '@sotto/protocol';

/** What an event costs beside its text, and what one of its words costs, bytes: rough, for a bound. */
const EVENT_BYTES = 256;
const WORD_BYTES = 128;
const CHARACTER_BYTES = 2;

/** Events in the order of their numbers; the first of a session is number 0. */
export class EventJournal {
  readonly #kept: { readonly event: ServerMessage; readonly bytes: number }[] = [];
  #forgotten = 0;
  #bytes = 0;

  /** Goes on with what an earlier one had. */
  restore(forgotten: number, events: readonly ServerMessage[]): void {
    this.#forgotten = forgotten;
    for (const event of events) this.add(event);
  }

  /** Events that are not kept any more. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Events so far. */
  get count(): number {
    return this.#forgotten + this.#kept.length;
  }

  /** What is kept, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  add(event: ServerMessage): void {
    const bytes = sizeOf(event);
    this.#kept.push({ event, bytes });
    this.#bytes += bytes;
  }

  /** Events from number `count` on; undefined where some of them are forgotten, or there never were as many. */
  since(count: number): ServerMessage[] | undefined {
    if (count < this.#forgotten || count > this.count) return undefined;
    return this.#kept.slice(count - this.#forgotten).map(({ event }) => event);
  }

  /** The client has got all events before number `count`: forgets them. */
  confirm(count: number): void {
    while (this.#forgotten < count && this.#kept.length > 0) this.#forgetOldest();
  }

  /** Forgets the oldest events beyond `bytesMax`. */
  trim(bytesMax: number): void {
    while (this.#bytes > bytesMax) this.#forgetOldest();
  }

  #forgetOldest(): void {
    this.#bytes -= this.#kept.shift()?.bytes ?? 0;
    this.#forgotten++;
  }
}

function sizeOf(event: ServerMessage): number {
  if (event.type === 'error') return EVENT_BYTES + event.message.length * CHARACTER_BYTES;
  if (event.type === 'polished') return EVENT_BYTES + event.text.length * CHARACTER_BYTES;
  if (event.type !== 'final') return EVENT_BYTES;
  return EVENT_BYTES + event.text.length * CHARACTER_BYTES + (event.words?.length ?? 0) * WORD_BYTES;
}
