// When an engine has had nothing to do for a while.

/**
 * How long an engine is without work before it gives memory back, milliseconds: between the utterances of a talk it
 * keeps it.
 */
const IDLE_AFTER_MS = 10_000;

export class IdleTime {
  readonly #onIdle: () => void;
  readonly #afterMs: number;
  #underWay = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param onIdle called once each time that work has ended and no more has come */
  constructor(onIdle: () => void, afterMs = IDLE_AFTER_MS) {
    this.#onIdle = onIdle;
    this.#afterMs = afterMs;
  }

  /** Work begins that ends when `done` is settled. */
  watch(done: Promise<unknown>): void {
    this.stop();
    this.#underWay += 1;
    const end = (): void => {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#timer = setTimeout(this.#onIdle, this.#afterMs).unref();
    };
    done.then(end, end);
  }

  /** Until there is work again. */
  stop(): void {
    clearTimeout(this.#timer);
  }
}
