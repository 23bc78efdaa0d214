// A native object with a lifetime: closed once, never released while a call is using it, counted while it lives.
import { OrtError } from './errors.js';
import type { Pointer } from './library.js';

export type HandleKind = 'session' | 'value' | 'binding' | 'block';

const live: Record<HandleKind, number> = { session: 0, value: 0, binding: 0, block: 0 };

/** How many native objects are alive: for leak tests and metrics. */
export function liveHandles(): Readonly<Record<HandleKind, number>> {
  return { ...live };
}

interface NativeState {
  readonly kind: HandleKind;
  readonly pointer: Pointer;
  readonly release: () => void;
  /** Memory of ours that the native object points into: kept from the garbage collector until it is released. */
  memory: unknown;
  uses: number;
  closed: boolean;
  released: boolean;
}

/** Releases what was forgotten: a safety net only, `close()` is the way. */
const forgotten = new FinalizationRegistry<NativeState>((state) => closeState(state));

export abstract class NativeHandle {
  readonly #state: NativeState;

  protected constructor(kind: HandleKind, pointer: Pointer, release: () => void, memory?: unknown) {
    this.#state = { kind, pointer, release, memory, uses: 0, closed: false, released: false };
    live[kind]++;
    forgotten.register(this, this.#state, this);
  }

  get closed(): boolean {
    return this.#state.closed;
  }

  /** Releases the native object, or, while calls are using it, as soon as they have ended. May be called twice. */
  close(): void {
    forgotten.unregister(this);
    closeState(this.#state);
  }

  /** The address, for a call made right now. Throws OrtError `closed`. */
  get pointer(): Pointer {
    if (this.#state.closed) throw new OrtError('closed', `this ${this.#state.kind} is closed`);
    return this.#state.pointer;
  }

  /**
   * Keeps the native object until the returned function is called, whoever closes it meanwhile. Throws OrtError
   * `closed`.
   */
  retain(): () => void {
    if (this.#state.closed) throw new OrtError('closed', `this ${this.#state.kind} is closed`);
    const state = this.#state;
    state.uses++;
    let done = false;
    return () => {
      if (done) return;
      done = true;
      state.uses--;
      releaseIfUnused(state);
    };
  }
}

function closeState(state: NativeState): void {
  state.closed = true;
  releaseIfUnused(state);
}

function releaseIfUnused(state: NativeState): void {
  if (!state.closed || state.uses > 0 || state.released) return;
  state.released = true;
  live[state.kind]--;
  state.release();
  state.memory = undefined;
}
