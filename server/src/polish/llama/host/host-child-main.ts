// The polisher's process: loads the model that it is told to load, writes what it is sent, ends with its parent.
import { PolisherError, type PolishRequest } from '../../polisher.js';
import { LlamaPolisher } from '../llama-polisher.js';
import { HEARTBEAT_MS, type FromHost, type ToHost } from './host-messages.js';

let polisher: LlamaPolisher | undefined;
const running = new Map<number, AbortController>();

process.on('message', (message: ToHost) => void receive(message));

// The parent is gone, in whatever way: so is the reason to be here. No orderly exit, which would wait for native runs.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

// A terminal or a service manager signals the whole group. The parent drains first and says when to end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

setInterval(() => send({ type: 'alive' }), HEARTBEAT_MS);

async function receive(message: ToHost): Promise<void> {
  switch (message.type) {
    case 'load':
      polisher = new LlamaPolisher(message.model, message.options);
      await polisher.warmUp();
      send(polisher.failure === undefined ? { type: 'loaded' } : { type: 'loadFailed', message: polisher.failure });
      return;
    case 'polish':
      return polish(message.id, message.request);
    case 'abort':
      running.get(message.id)?.abort(new Error('aborted'));
      return;
    case 'close':
      // Not an orderly end of the model: a run in native code may take longer than anybody waits.
      process.exit(0);
  }
}

async function polish(id: number, request: PolishRequest): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    if (polisher === undefined) throw new PolisherError('unavailable', 'no model is loaded');
    const onText = (text: string): void => send({ type: 'piece', id, text });
    send({ type: 'done', id, text: await polisher.polish(request, { signal: controller.signal, onText }) });
  } catch (error) {
    const code = error instanceof PolisherError ? error.code : 'failed';
    send({ type: 'failed', id, code, message: error instanceof Error ? error.message : String(error) });
  } finally {
    running.delete(id);
  }
}

function send(message: FromHost): void {
  if (process.connected) process.send?.(message);
}
