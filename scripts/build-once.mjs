// Builds what has changed: a step is left out when its inputs and its outputs are, byte by byte, those of the last
// time.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const NOTES = join(root, '.tap/built');

/** Of files and of all in folders, with their names; what is not there has no part in it. */
function hashOf(paths) {
  const hash = createHash('sha256');
  const add = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) for (const name of readdirSync(path).toSorted()) add(join(path, name));
    else hash.update(`${path}\0`).update(readFileSync(path));
  };
  for (const path of paths) add(join(root, path));
  return hash.digest('hex');
}

/**
 * @param name {string} of the step
 * @param files {{ inputs: string[], outputs: string[] }} files and folders, from the repository's root
 * @param build {() => number} the step; its exit code
 * @returns {number} the exit code, 0 when nothing was to be done
 */
export function buildOnce(name, { inputs, outputs }, build) {
  const note = join(NOTES, name);
  const now = () => `${hashOf(inputs)} ${hashOf(outputs)}`;
  if (existsSync(note) && readFileSync(note, 'utf8') === now()) return 0;
  const code = build();
  if (code === 0) {
    mkdirSync(NOTES, { recursive: true });
    writeFileSync(note, now());
  }
  return code;
}
