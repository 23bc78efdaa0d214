// A child process that does what each request says: for the tests of native-host.
import { serveParent } from '../../server/src/native-host/serve-parent.js';
import type { ScriptedWork } from './scripted-child.js';

class Refusal extends Error {}
const held: Uint8Array[] = [];
let isLost = false;
let aborted = 0;

const parent = serveParent<ScriptedWork>({
  async load({ how, text }) {
    if (how === 'fail') throw new Refusal(text);
    if (how === 'exit') process.exit(3);
    if (how === 'hang') await new Promise(() => undefined);
    return { greeting: `hello ${text}`, args: process.execArgv };
  },
  async run(request, { signal, onPart }) {
    switch (request.do) {
      case 'echo':
        for (const part of request.text) onPart(part);
        return request.text;
      case 'refuse':
        throw new Refusal(request.text);
      case 'lose':
        isLost = true;
        throw new Refusal(request.text);
      case 'wait':
        await new Promise((resolve) => setTimeout(resolve, request.ms));
        return 'waited';
      case 'untilAborted':
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve(void aborted++), { once: true });
        });
        return 'aborted';
      case 'countAborted':
        return String(aborted);
      case 'eat':
        // Pages count when they are written to.
        for (;;) {
          held.push(new Uint8Array(2 ** 24).fill(1));
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      case 'spin':
        for (;;);
    }
  },
  told: (text) => parent.tell(`heard ${text}`),
  codeOf: (error) => (error instanceof Refusal ? 'refused' : 'failed'),
  isLost: () => isLost,
  close: async () => undefined,
});
