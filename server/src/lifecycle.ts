// When the process ends: signals drain it, a second signal or the bound ends it at once, and nothing that goes wrong unseen keeps it running.
import type { Logger } from 'pino';

/** Time for close frames to reach their peers after everything is closed, milliseconds; the process usually ends by itself before. */
const LINGER_MS = 500;

/** How long engines may take to end their runs and release their memory, milliseconds. */
const CLOSE_TIMEOUT_MS = 2_000;

export interface Stoppable {
  /** Finishes what runs. */
  drain(): Promise<void>;
  /** Drops what is left. */
  close(): Promise<void>;
}

/** Exit codes as a shell expects them: 128 + the number of the signal. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Ends the process well: SIGTERM and SIGINT drain for up to `drainTimeoutMs` and exit with 0; a second one exits at once with 128 + its number.
 * An error that nobody caught is logged, then drains likewise and exits with 1.
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
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      log.fatal({ err: error }, event);
      if (stopping) process.exit(1);
      stop(1);
    });
  }
}

async function stopServer(server: Stoppable, drainTimeoutMs: number, log: Logger): Promise<void> {
  try {
    if (!(await within(drainTimeoutMs, server.drain()))) log.warn('sessions did not finish in time: dropping them');
    if (!(await within(CLOSE_TIMEOUT_MS, server.close()))) log.warn('an engine did not end in time: leaving it');
    log.info('stopped');
  } catch (error) {
    log.error({ err: error }, 'stopping failed');
  }
}

/** Whether the work is done in time. */
async function within(timeoutMs: number, work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, false);
  });
  try {
    return await Promise.race([work.then(() => true), bound]);
  } finally {
    clearTimeout(timer);
  }
}
