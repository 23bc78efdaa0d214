// Damages a data file as a disk or a careless program would.
import { open, readFile } from 'node:fs/promises';

const PAGE_BYTES = 4_096;

/**
 * Overwrites every page of the file, but those in its head, that holds a text, with noise; the file keeps its length.
 * Resolves with how many there were.
 */
export async function damagePages(path: string, text: string): Promise<number> {
  const data = await readFile(path);
  const file = await open(path, 'r+');
  let count = 0;
  try {
    for (let at = 2 * PAGE_BYTES; at < data.length; at += PAGE_BYTES) {
      const page = data.subarray(at, at + PAGE_BYTES);
      if (!page.includes(text)) continue;
      await file.write(Buffer.alloc(PAGE_BYTES, 0xa5), 0, PAGE_BYTES, at);
      count++;
    }
  } finally {
    await file.close();
  }
  return count;
}
