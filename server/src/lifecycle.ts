// When the process ends: signals drain it, a second signal, the bound, or any while it starts ends it at once. A stray
// error does not end it, many of them do.
import type { Logger } from 'pino';
import { within } from './time/within.js';
import { currentRequest } from './http/request-scope.js';

/**
 * Time for close frames to reach their peers after everything is closed, milliseconds; the process usually ends by
 * itself before.
 */
const LINGER_MS = 500;

/** How long engines may take to end their runs and release their memory, milliseconds. */
const CLOSE_TIMEOUT_MS = 2_000;

export interface Stoppable {
  /** Finishes what runs. */
  drain(): Promise<void>;
  /** Drops what is left. */
  close(): Promise<void>;
  /** Notes an error that nobody caught, for the metrics. */
  countStrayError?(): void;
  /** Calls when an operator asks it to end. */
  onceStopAsked?(callback: () => void): void;
}

/** Exit codes as a shell expects them: 128 + the number of the signal. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Errors that nobody caught, within the window, that the process survives. */
export const STRAY_ERRORS_MAX = 100;
export const STRAY_WINDOW_MS = 60_000;

/**
 * While the server starts a signal ends the process at once, with 0: nobody is served yet, and what its children load
 * need not be waited for. Until it is called back.
 */
export function endOnSignals(log: Logger): () => void {
  const ends = Object.keys(SIGNALS).map((signal) => {
    const end = (): void => {
      log.info({ signal }, 'stopped before it had started');
      process.exit(0);
    };
    process.on(signal, end);
    return () => process.off(signal, end);
  });
  return () => {
    for (const release of ends) release();
  };
}

/**
 * Ends the process well: SIGTERM, SIGINT and SIGHUP drain for up to `drainTimeoutMs` and exit with 0; a second one
 * exits at once with 128 + its number.
 *
 * An error that nobody caught is logged and counted, and the process stays: it holds the live streams of many people,
 * models and decoders run in processes of their own, and what a request or a session knows is its own, so the error
 * costs the request that it belongs to (answered with 500). More than {@link STRAY_ERRORS_MAX} of them within
 * {@link STRAY_WINDOW_MS} mean that something shared is broken: then the server drains and exits with 1, for a
 * supervisor to start it anew.
 */
export function stopOnSignals(server: Stoppable, drainTimeoutMs: number, log: Logger): void {
  let stopping = false;

  const stop = (exitCode: number): void => {
    stopping = true;
    process.exitCode = exitCode;
    void stopServer(server, drainTimeoutMs, log).finally(() => {
      // Left to itself the event loop ends once the last bytes are out; something that still runs must not hold it.
      setTimeout(() => process.exit(exitCode), LINGER_MS).unref();
    });
  };

  for (const [signal, exitCode] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (stopping) process.exit(exitCode);
      log.info({ signal, drainTimeoutMs }, 'stopping: sessions finish, no new ones are taken');
      stop(0);
    });
  }
  server.onceStopAsked?.(() => {
    if (stopping) return;
    log.info({ drainTimeoutMs }, 'asked to stop: sessions finish, no new ones are taken');
    stop(0);
  });
  surviveStrayErrors(
    () => server.countStrayError?.(),
    log,
    () => {
      if (stopping) process.exit(1);
      stop(1);
    },
  );
}

/** An error that nobody caught costs the request that it belongs to; too many of them are told to `onStorm`. */
export function surviveStrayErrors(count: () => void, log: Logger, onStorm: () => void): void {
  const strayTimes: number[] = [];
  const isStorm = (now: number): boolean => {
    strayTimes.push(now);
    if (strayTimes.length > STRAY_ERRORS_MAX + 1) strayTimes.shift();
    return strayTimes.length > STRAY_ERRORS_MAX && now - (strayTimes[0] ?? now) < STRAY_WINDOW_MS;
  };
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      const request = currentRequest();
      count();
      log.error({ err: error, requestId: request?.id }, event);
      request?.fail(error);
      if (!isStorm(performance.now())) return;
      log.fatal({ errors: STRAY_ERRORS_MAX, withinMs: STRAY_WINDOW_MS }, 'too many uncaught errors: stopping');
      onStorm();
    });
  }
}

async function stopServer(server: Stoppable, drainTimeoutMs: number, log: Logger): Promise<void> {
  try {
    if (!(await isDone(server.drain(), drainTimeoutMs))) log.warn('sessions did not finish in time: dropping them');
    if (!(await isDone(server.close(), CLOSE_TIMEOUT_MS))) log.warn('an engine did not end in time: leaving it');
    log.info('stopped');
  } catch (error) {
    log.error({ err: error }, 'stopping failed');
  }
}

/** Whether the work is done in time. */
function isDone(work: Promise<void>, timeoutMs: number): Promise<boolean> {
  return within(
    timeoutMs,
    work.then(() => true),
    false,
  );
}
