// The engine's process: makes the engine that it is told to make, runs what it is sent, ends with its parent.
import type { Engine } from '../engine.js';
import { EngineError, messageOf } from '../errors.js';
import { type FromEngine, HEARTBEAT_MS, type ToEngine } from './engine-messages.js';
import { createEngine } from './engine-spec.js';

let engine: Engine | undefined;

process.on('message', (message: ToEngine) => void receive(message));

// The parent is gone, in whatever way: so is the reason to be here. No orderly exit, which would wait for native runs.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

// A terminal or a service manager signals the whole group. The parent drains first and says when to end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

setInterval(() => send({ type: 'alive' }), HEARTBEAT_MS);

async function receive(message: ToEngine): Promise<void> {
  switch (message.type) {
    case 'load':
      try {
        engine = await createEngine(message.spec);
        send({ type: 'loaded', model: engine.model, maxBatch: engine.maxBatch });
      } catch (error) {
        send({ type: 'loadFailed', message: messageOf(error) });
      }
      return;
    case 'decode':
      return answer(message.id, async (loaded) => {
        send({ type: 'decoded', id: message.id, results: await loaded.decode(message.batch) });
      });
    case 'warmUp':
      return answer(message.id, async (loaded) => {
        await loaded.warmUp();
        send({ type: 'warmedUp', id: message.id });
      });
    case 'close':
      await engine?.close().catch(() => undefined);
      process.exit(0);
  }
}

async function answer(id: number, run: (loaded: Engine) => Promise<void>): Promise<void> {
  try {
    if (!engine) throw new EngineError('engine_unavailable', 'no engine is loaded');
    await run(engine);
  } catch (error) {
    const failed: FromEngine = {
      type: 'failed',
      id,
      code: error instanceof EngineError ? error.code : 'engine_failed',
      message: messageOf(error),
    };
    // What the engine has lost, this process will not get back: the parent starts another one.
    if (engine?.isUp === false && process.send) process.send(failed, () => process.exit(1));
    else send(failed);
  }
}

function send(message: FromEngine): void {
  if (process.connected) process.send?.(message);
}
