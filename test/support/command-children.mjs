// What a test process starts of the server's, its threads and the child of its store, is the command's
// build in a few files (scripts/build-tests.mjs): finding their modules takes longer than most of what they do.
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import threads from 'node:worker_threads';

const root = new URL('../../', import.meta.url).href;
/** They load nothing that they are told by name: else a process would have modules of both builds. */
const MAINS = ['server/dist/store/lmdb/store-child-main.js', 'server/dist/vad/silero-thread-main.js'];

function inCommand(url) {
  const main = MAINS.find((file) => url === root + file);
  return main === undefined ? undefined : new URL(`.tap/command/${main}`, root);
}

/** From now on, in this process. */
export function startCommandChildren() {
  const { fork } = childProcess;
  childProcess.fork = (main, ...rest) => {
    const built = inCommand(main instanceof URL ? main.href : pathToFileURL(main).href);
    return fork(built === undefined ? main : fileURLToPath(built), ...rest);
  };
  threads.Worker = class extends threads.Worker {
    constructor(main, options) {
      super((main instanceof URL ? inCommand(main.href) : undefined) ?? main, options);
    }
  };
  syncBuiltinESMExports();
}
