// Which test files share a process in `npm test` (test/support/together.mjs): those of one folder, or of several small
// ones. A process costs a second before its first test.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Most files of one process: fewer processes load less, and more have work for every core until the end. */
const FILES_MAX = 36;
/**
 * Those that wait for a server more than they work. (Browsers work: one at a time, or pages are late for what is said
 * to them.)
 */
const WAITING_FILES_MAX = 4;
const WAITING = new Set(['test/server/cli']);
/** These folders have processes of their own, all others share some. What takes longest begins first. */
const OTHERS = 'others';
const ORDER = ['test/web', OTHERS, 'test/server/asr', 'test/models', 'test/server', 'test/server/cli', 'test/bench'];

/**
 * Writes an entry for each group into `.tap/together` and names them, those that take longest first.
 * @param root {string} the repository, with a slash at its end
 * @param testFiles {string[]} paths from there
 */
export function writeGroups(root, testFiles) {
  const folder = '.tap/together';
  rmSync(`${root}${folder}`, { recursive: true, force: true });
  mkdirSync(`${root}${folder}`, { recursive: true });
  return groupsOf(testFiles).map(({ name, files }, at) => {
    const entry = `${folder}/${String(at + 1).padStart(2, '0')}-${name}.mjs`;
    writeFileSync(
      `${root}${entry}`,
      `import { runTogether } from '../../test/support/together.mjs';\nawait runTogether(${JSON.stringify(files, null, 2)});\n`,
    );
    return entry;
  });
}

function groupsOf(files) {
  const folders = new Map();
  for (const file of files) {
    const folder = ORDER.includes(dirname(file)) ? dirname(file) : OTHERS;
    folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  return [...folders]
    .toSorted(([a], [b]) => ORDER.indexOf(a) - ORDER.indexOf(b))
    .flatMap(([folder, inside]) => {
      const count = Math.ceil(inside.length / (WAITING.has(folder) ? WAITING_FILES_MAX : FILES_MAX));
      const name = folder.replaceAll('/', '-').replace(/^test-/, '');
      // Dealt like cards: the files of one subject, which are alike, lie beside each other in the alphabet.
      return Array.from({ length: count }, (_, at) => ({
        name: count === 1 ? name : `${name}-${at + 1}`,
        files: inside.filter((_, index) => index % count === at),
      }));
    });
}
