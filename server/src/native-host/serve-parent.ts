// The child's end: loads what it is sent to load, answers what it is sent, ends with its parent.
import { messageOf } from '@sotto/protocol';
import { type FromChild, HEARTBEAT_MS, type ToChild, type Work } from './messages.js';

/** What a child does. */
export interface ChildService<W extends Work> {
  /** Called once, before any request. What it throws is why loading failed. */
  load(load: W['load']): Promise<W['facts']>;
  run(request: W['request'], run: ChildRun<W>): Promise<W['answer']>;
  /** Called with what wants no answer. Absent: there is no such thing. */
  told?(told: W['told']): void;
  /** The code of what `run` threw. */
  codeOf(error: unknown): W['code'];
  /** Whether it has lost what it will not get back: the process ends then, and the parent starts another one. */
  isLost?(): boolean;
  /** Ends running work. Absent: the process ends at once. */
  close?(): Promise<void>;
}

export interface ChildRun<W extends Work> {
  /** Nobody wants the answer any more. */
  readonly signal: AbortSignal;
  readonly onPart: (part: W['part']) => void;
}

/** The way to whoever started this process. */
export interface ParentLink<W extends Work> {
  /** Nothing where the parent is gone: this process ends then. */
  tell(tells: W['tells']): void;
}

/** Called once, in the main module of a child that `NativeChild` has started. */
export function serveParent<W extends Work>(service: ChildService<W>): ParentLink<W> {
  const running = new Map<number, AbortController>();

  process.on('message', (message: ToChild<W>) => void receive(message));

  process.on('disconnect', end);
  // The parent went while this process was starting: nobody was there to be told of it.
  if (!process.connected) end();

  // A terminal or a service manager signals the whole group. The parent drains first and says when to end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

  setInterval(() => send({ type: 'alive' }), HEARTBEAT_MS);
  return { tell: (tells) => send({ type: 'tells', tells }) };

  async function receive(message: ToChild<W>): Promise<void> {
    switch (message.type) {
      case 'load':
        try {
          send({ type: 'loaded', facts: await service.load(message.load) });
        } catch (error) {
          send({ type: 'loadFailed', message: messageOf(error) });
        }
        return;
      case 'run':
        return run(message.id, message.request);
      case 'abort':
        running.get(message.id)?.abort(new Error('aborted'));
        return;
      case 'told':
        return service.told?.(message.told);
      case 'close':
        await service.close?.().catch(() => undefined);
        process.exit(0);
    }
  }

  async function run(id: number, request: W['request']): Promise<void> {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const onPart = (part: W['part']): void => send({ type: 'part', id, part });
      send({ type: 'done', id, answer: await service.run(request, { signal: controller.signal, onPart }) });
    } catch (error) {
      const failed: FromChild<W> = { type: 'failed', id, code: service.codeOf(error), message: messageOf(error) };
      if (service.isLost?.() === true && process.send) process.send(failed, () => process.exit(1));
      else send(failed);
    } finally {
      running.delete(id);
    }
  }

  function send(message: FromChild<W>): void {
    if (process.connected) process.send?.(message);
  }
}

/** The parent is gone: so is the reason to be here. No orderly exit, which would wait for native runs. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}
