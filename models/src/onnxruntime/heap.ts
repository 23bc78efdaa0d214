// The heap of the C library, in which ONNX Runtime keeps its memory. Only glibc's is told anything: the others neither
// listen nor keep so much.
import koffi from 'koffi';

/** malloc.h */
const M_MMAP_THRESHOLD = -3;
const M_ARENA_MAX = -8;
/** Blocks of so many bytes come from the system and go back to it when they are freed. */
const MAPPED_BYTES_MIN = 1_000_000;

interface Heap {
  readonly set: (parameter: number, value: number) => number;
  readonly trim: (keepBytes: number) => number;
}

let known: Heap | undefined;

/**
 * One heap for all threads, without the large blocks. Otherwise each thread has a heap of its own, where what
 * freed blocks leave is too small for the next ones.
 */
export function keepHeapSmall(): void {
  heap().set(M_ARENA_MAX, 1);
  heap().set(M_MMAP_THRESHOLD, MAPPED_BYTES_MIN);
}

/** Gives back what was freed: after a model was loaded that is half of what the process holds. */
export function returnFreedMemory(): void {
  heap().trim(0);
}

function heap(): Heap {
  return (known ??= find());
}

function find(): Heap {
  const none = { set: () => 0, trim: () => 0 };
  if (process.platform !== 'linux') return none;
  try {
    const library = koffi.load(null);
    return {
      set: library.func('int mallopt(int, int)') as unknown as Heap['set'],
      trim: library.func('int malloc_trim(size_t)') as unknown as Heap['trim'],
    };
  } catch {
    return none;
  }
}
