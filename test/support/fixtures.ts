// Where the project's own test audio lies (test/fixtures/audio; make_audio.py made it).
import { fileURLToPath } from 'node:url';

/** The path of a clip by its name, for example `en-bakery`. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/audio/${name}.flac`, import.meta.url));
}
