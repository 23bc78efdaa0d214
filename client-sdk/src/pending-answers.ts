// Answers that callers wait for, by the ids that they will carry.
import type { FinalMessage, ServerMessage } from '@sotto/protocol/client';
import { deferred, type Deferred } from './deferred.js';

type MessageOf<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;
export type MarkEcho = MessageOf<'mark'>;
export type Pong = MessageOf<'pong'>;

export class PendingAnswers {
  readonly #marks = new Map<string, Deferred<MarkEcho>>();
  readonly #pings = new Map<string, Deferred<Pong>>();
  readonly #finalized = new Map<string, FinalMessage>();
  #lastId = 0;

  /** An id that no other request has. */
  nextId(): string {
    return `c${++this.#lastId}`;
  }

  /** Pings without an answer: a new connection asks again. */
  get pings(): Iterable<string> {
    return this.#pings.keys();
  }

  /** Whether anybody waits. */
  get areDue(): boolean {
    return this.#marks.size + this.#pings.size > 0;
  }

  mark(id: string): Promise<MarkEcho> {
    return waitFor(this.#marks, id);
  }

  ping(id: string): Promise<Pong> {
    return waitFor(this.#pings, id);
  }

  /** The final that `finalize` with this id caused, which is then forgotten. */
  takeFinal(id: string): FinalMessage | undefined {
    const final = this.#finalized.get(id);
    this.#finalized.delete(id);
    return final;
  }

  /** Gives a message to whoever waits for it. */
  settle(message: ServerMessage): void {
    switch (message.type) {
      case 'final':
        // Only what a mark still waits behind is asked for.
        if (message.finalizeId !== undefined && this.#marks.has(message.finalizeId)) {
          this.#finalized.set(message.finalizeId, message);
        }
        break;
      case 'mark':
        settle(this.#marks, message.id, message);
        break;
      case 'pong':
        if (message.id !== undefined) settle(this.#pings, message.id, message);
        break;
      default:
        break;
    }
  }

  reject(error: Error): void {
    for (const waiting of [...this.#marks.values(), ...this.#pings.values()]) waiting.reject(error);
    this.#marks.clear();
    this.#pings.clear();
    this.#finalized.clear();
  }
}

function waitFor<T>(waiting: Map<string, Deferred<T>>, id: string): Promise<T> {
  const answer = deferred<T>();
  waiting.set(id, answer);
  return answer.promise;
}

function settle<T>(waiting: Map<string, Deferred<T>>, id: string, value: T): void {
  waiting.get(id)?.resolve(value);
  waiting.delete(id);
}
