// Sends a response that is iterated: piece by piece, at the pace of its reader.
import { within } from '../time/within.js';

/** Where the pieces go. */
export interface PieceSink {
  /** False: more should wait until {@link writable} resolves. */
  write(piece: string | Uint8Array): boolean;
  /** Resolves when the reader has taken enough for more to be written. */
  writable(): Promise<void>;
  /** Everything was written. */
  end(): void;
  /** Drops the connection, so that the part is not taken for the whole. */
  drop(): void;
}

/**
 * Resolves when everything was handed to the sink, or when `gone` aborts; then, and when the reader takes nothing for
 * `stallTimeoutMs`, the iterator's `return` is called. Rejects with what the iterator throws, after the connection was
 * dropped.
 */
export async function pumpResponse(
  body: AsyncIterable<string | Uint8Array>,
  sink: PieceSink,
  gone: AbortSignal,
  stallTimeoutMs: number,
): Promise<void> {
  const iterator = body[Symbol.asyncIterator]();
  // At once, not when the next piece is there; what goes wrong on the way out is of no interest to a client that left.
  const leave = (): void => void iterator.return?.().catch(() => undefined);
  gone.addEventListener('abort', leave, { once: true });
  try {
    if (gone.aborted) return leave();
    for (;;) {
      const next = await iterator.next();
      if (gone.aborted) return;
      if (next.done === true) return sink.end();
      if (sink.write(next.value)) continue;
      const hasRoom = await within(
        stallTimeoutMs,
        sink.writable().then(() => true),
        false,
        gone,
      );
      if (gone.aborted) return;
      if (!hasRoom) return sink.drop();
    }
  } catch (error) {
    if (gone.aborted) return;
    sink.drop();
    throw error;
  } finally {
    gone.removeEventListener('abort', leave);
  }
}
