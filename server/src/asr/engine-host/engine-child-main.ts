// The engine's process: makes the engine that it is sent, and runs what it is sent.
import { INHERITED_FILE } from '../../native-host/messages.js';
import { serveParent } from '../../native-host/serve-parent.js';
import type { DecodeRequest, Engine } from '../engine.js';
import { EngineError } from '../errors.js';
import { createEngine } from './engine-spec.js';
import type { EngineWork, SentRequest } from './engine-work.js';
import { mapSharedMemory } from './shared-memory.js';

let engine: Engine | undefined;
/** The server's arena, mapped until this process ends. */
let arena: Float32Array | undefined;

serveParent<EngineWork>({
  async load({ spec, arenaBytes }) {
    engine = await createEngine(spec);
    // After the engine: koffi takes no settings (of the engine's stack) once anything has been loaded with it.
    arena = mapArena(arenaBytes);
    const { model, maxBatch, samplesMax = Infinity, sharesTime = false, runsInFlight = 1 } = engine;
    return { model, maxBatch, samplesMax, sharesTime, runsInFlight, seesArena: arena !== undefined };
  },
  async run(request) {
    if (!engine) throw new EngineError('engine_unavailable', 'no engine is loaded');
    if (request !== 'warmUp' && request !== 'shrink') return engine.decode(request.map(withAudio));
    await (request === 'warmUp' ? engine.warmUp() : engine.shrink?.());
    return [];
  },
  codeOf: (error) => (error instanceof EngineError ? error.code : 'engine_failed'),
  isLost: () => engine?.isUp === false,
  close: async () => engine?.close(),
});

function mapArena(bytes: number): Float32Array | undefined {
  const memory = bytes > 0 ? mapSharedMemory(INHERITED_FILE, bytes) : undefined;
  return memory && new Float32Array(memory.buffer);
}

/**
 * The request as the engine takes it. What lies in the arena is seen, not copied, and is another run's when this one
 * has been answered.
 */
function withAudio({ audio, ...request }: SentRequest): DecodeRequest {
  if (audio instanceof Float32Array) return { ...request, audio };
  if (!arena) throw new EngineError('engine_failed', 'there is no arena');
  return { ...request, audio: arena.subarray(audio.begin, audio.end) };
}
