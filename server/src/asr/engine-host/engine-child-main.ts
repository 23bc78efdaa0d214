// The engine's process: makes the engine that it is told to make, runs what it is sent, ends with its parent.
import type { DecodeRequest, Engine } from '../engine.js';
import { EngineError, messageOf } from '../errors.js';
import { ARENA_FILE, type FromEngine, HEARTBEAT_MS, type SentRequest, type ToEngine } from './engine-messages.js';
import { createEngine } from './engine-spec.js';
import { mapSharedMemory } from './shared-memory.js';

let engine: Engine | undefined;
/** The server's arena, mapped until this process ends. */
let arena: Float32Array | undefined;

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
        // Behind the engine: koffi takes no settings (of the engine's stack) once anything has been loaded with it.
        arena = mapArena(message.arenaBytes);
        const { model, maxBatch, sharesTime = false, runsInFlight = 1 } = engine;
        send({ type: 'loaded', model, maxBatch, sharesTime, runsInFlight, seesArena: arena !== undefined });
      } catch (error) {
        send({ type: 'loadFailed', message: messageOf(error) });
      }
      return;
    case 'decode':
      return answer(message.id, async (loaded) => {
        send({ type: 'decoded', id: message.id, results: await loaded.decode(message.batch.map(withAudio)) });
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

function mapArena(bytes: number): Float32Array | undefined {
  const memory = bytes > 0 ? mapSharedMemory(ARENA_FILE, bytes) : undefined;
  return memory && new Float32Array(memory.buffer);
}

/** The request as the engine takes it. What lies in the arena is seen, not copied, and is another run's when this one has been answered. */
function withAudio({ audio, ...request }: SentRequest): DecodeRequest {
  if (audio instanceof Float32Array) return { ...request, audio };
  if (!arena) throw new EngineError('engine_failed', 'there is no arena');
  return { ...request, audio: arena.subarray(audio.begin, audio.end) };
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
