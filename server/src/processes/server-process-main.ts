// A server process: a whole server, but for the engines and their queue, which are its supervisor's.
import { surviveStrayErrors } from '../lifecycle.js';
import { createLog } from '../log.js';
import { startServer, type RunningServer } from '../main.js';
import { serveParent } from '../native-host/serve-parent.js';
import type { ServerProcessWork } from './process-work.js';
import { ProcessLink } from './process-link.js';

let server: RunningServer | undefined;
let link: ProcessLink | undefined;

const parent = serveParent<ServerProcessWork>({
  async load(load) {
    const log = createLog(load.settings).child({ process: load.number });
    const joined = new ProcessLink(load, (tells) => parent.tell(tells));
    link = joined;
    // Its clients go on at the other processes; the supervisor starts another one.
    surviveStrayErrors(
      () => server?.countStrayError(),
      log,
      () => process.exit(1),
    );
    server = await startServer(load.settings, log, joined);
    server.onceStopAsked(() => parent.tell({ type: 'stop' }));
    return { url: server.url };
  },
  async run(request) {
    if (request === 'metrics') return server?.metrics() ?? '';
    if (request !== 'drain') return link?.answer(request);
    await server?.drain();
    return undefined;
  },
  told: (told) => link?.receive(told),
  codeOf: () => 'request_failed',
  close: async () => server?.close(),
});
