// Work that is waited for no longer than so.

/** What the work resolves with; `late` when it takes longer, or when `signal` aborts. Rejects as the work does. */
export function within<T, L>(timeoutMs: number, work: Promise<T>, late: L, signal?: AbortSignal): Promise<T | L> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      stopWaiting();
      resolve(late);
    };
    const timer = setTimeout(giveUp, timeoutMs);
    const stopWaiting = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    };
    signal?.addEventListener('abort', giveUp);
    if (signal?.aborted === true) giveUp();
    work.then(resolve, reject).finally(stopWaiting);
  });
}
