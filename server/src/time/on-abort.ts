// A signal says 'abort' once, and to those alone who listen by then.

/** Calls `act` when the signal aborts, at once where it has already. Returns what ends the listening. */
export function onAbort(signal: AbortSignal | undefined, act: () => void): () => void {
  if (signal?.aborted === true) act();
  else signal?.addEventListener('abort', act, { once: true });
  return () => signal?.removeEventListener('abort', act);
}

/** What the work resolves with. Rejects as the work does, or with the signal's reason as soon as that aborts. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(signal.reason as Error));
    work.then(resolve, reject).finally(forget);
  });
}
