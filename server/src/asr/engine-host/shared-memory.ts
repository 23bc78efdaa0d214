// Memory that two processes see at once: the only file here that knows about pointers.
import { closeSync, ftruncateSync } from 'node:fs';
import koffi from 'koffi';

/** memfd_create(2): no process inherits the file by chance. */
const MFD_CLOEXEC = 1;
/** mmap(2), as on Linux. */
const PROT_READ_WRITE = 1 | 2;
const MAP_SHARED = 1;
/** What mmap(2) returns where it fails: -1. */
const MAP_FAILED = 2n ** 64n - 1n;

interface NativeCalls {
  readonly createFile: (name: string, flags: number) => number;
  readonly map: (
    at: null,
    bytes: number,
    protection: number,
    flags: number,
    file: number,
    from: number,
  ) => bigint | null;
  readonly unmap: (address: bigint, bytes: number) => number;
}

/** A mapping of this process. */
export interface MappedMemory {
  readonly buffer: ArrayBuffer;
  /** Nothing may look at the buffer from then on. */
  unmap(): void;
}

/** Memory to share. */
export interface SharedMemory extends MappedMemory {
  /**
   * Descriptor of the file behind it, for a child to inherit. The file has no name that could be left behind: it is
   * gone when nobody has it open or mapped.
   */
  readonly file: number;
}

/**
 * Makes memory of which pages are taken only when they are written to, and maps it. Undefined where there is no such
 * thing: on other systems than Linux, or where the kernel refuses.
 */
export function createSharedMemory(bytes: number): SharedMemory | undefined {
  const file = nativeCalls()?.createFile('sotto-audio', MFD_CLOEXEC) ?? -1;
  if (file < 0) return undefined;
  try {
    ftruncateSync(file, bytes);
    const mapped = mapSharedMemory(file, bytes);
    if (mapped) {
      const unmap = (): void => {
        mapped.unmap();
        closeSync(file);
      };
      return { file, buffer: mapped.buffer, unmap };
    }
  } catch {
    // As where it cannot be mapped.
  }
  closeSync(file);
  return undefined;
}

/** Maps memory by an inherited descriptor. Undefined where the kernel refuses. */
export function mapSharedMemory(file: number, bytes: number): MappedMemory | undefined {
  const calls = nativeCalls();
  const address = calls?.map(null, bytes, PROT_READ_WRITE, MAP_SHARED, file, 0) ?? MAP_FAILED;
  if (address === MAP_FAILED) return undefined;
  return { buffer: koffi.view(address, bytes), unmap: () => void calls?.unmap(address, bytes) };
}

let loaded: NativeCalls | undefined;

function nativeCalls(): NativeCalls | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return (loaded ??= load());
  } catch {
    // A C library without them.
    return undefined;
  }
}

function load(): NativeCalls {
  const library = koffi.load(null);
  return {
    createFile: library.func('int memfd_create(const char *, unsigned int)') as NativeCalls['createFile'],
    map: library.func('void *mmap(void *, size_t, int, int, int, int64_t)') as NativeCalls['map'],
    unmap: library.func('int munmap(void *, size_t)') as NativeCalls['unmap'],
  };
}
