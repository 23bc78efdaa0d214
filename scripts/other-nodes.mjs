// The versions of Node that Sotto supports beside the one that runs, and the tests that show that it does: what is
// native (sockets, store, models, polish) and what goes through it (a start, a stream, an upload, a resumed session).
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Majors, as `engines` in package.json has them. */
const SUPPORTED = [20, 22, 24];
const cache = fileURLToPath(new URL('../node_modules/.cache/nodes/', import.meta.url));

/** Test files that are run under each of them: about a minute on two cores. */
export const NODE_TESTS = [
  'test/server/end-to-end.test.ts',
  'test/server/api/recordings.test.ts',
  'test/server/gateway/resume.test.ts',
  'test/server/polish/demo.test.ts',
  'test/server/store/store.test.ts',
  'test/server/transport/transport.test.ts',
];

/**
 * The other supported versions: the binary of each, from npm and kept; or, without one, why it cannot be had.
 * @returns {{ major: number, binary?: string, missing?: string }[]}
 */
export function otherNodes() {
  const running = Number(process.versions.node.split('.')[0]);
  return SUPPORTED.filter((major) => major !== running).map((major) => {
    const binary = `${cache}node_modules/node-${major}/bin/node`;
    if (existsSync(binary)) return { major, binary };
    mkdirSync(cache, { recursive: true });
    // A package of its own: else npm would look for one above it, and install there.
    if (!existsSync(`${cache}package.json`)) writeFileSync(`${cache}package.json`, '{ "private": true }\n');
    const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
    try {
      execFileSync('npm', ['install', '--no-audit', '--no-fund', `node-${major}@npm:${name}@${major}`], { cwd: cache });
      return { major, binary };
    } catch (error) {
      return { major, missing: error.message.split('\n')[0] };
    }
  });
}
