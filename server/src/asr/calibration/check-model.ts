// A trial run of an installed model: does it compile and run here, and how fast.
import { availableParallelism } from 'node:os';
import type { InstalledModel } from '@sotto/models';
import { SAMPLE_RATE } from '../../audio/samples.js';
import { whisperEngineSpec } from '../engine-host/whisper-engine-spec.js';
import { WhisperEngine, type DecodeTiming } from '../whisper/whisper-engine.js';

/** One context of the model. */
export interface ContextCheck {
  /** Seconds. */
  readonly context: number;
  /** Sound to encoder states, milliseconds, the best of the runs. */
  readonly encodeMs: number;
  /** Context by the time of its encoding. */
  readonly encodeSpeed: number;
  /** One more token of text, milliseconds; `null` where the text ended before one was needed. */
  readonly stepMs: number | null;
}

export interface ModelCheck {
  readonly languages: readonly string[];
  readonly threads: number;
  /** Compiling and loading, milliseconds. */
  readonly loadMs: number;
  /** The first run of every context, milliseconds. */
  readonly warmUpMs: number;
  readonly contexts: readonly ContextCheck[];
  /** Resident memory of this process with the model loaded, bytes. */
  readonly memoryBytes: number;
}

/** Runs of each context: the best one is what the machine can do while nothing else disturbs it. */
const RUNS = 3;

/** Loads the model, warms it up and times it on a sound like speech. Rejects with EngineError or ModelError. */
export async function checkModel(model: InstalledModel, threads = availableParallelism()): Promise<ModelCheck> {
  const begin = performance.now();
  let timings: DecodeTiming[] = [];
  const { options } = whisperEngineSpec(model, { threads });
  const engine = await WhisperEngine.load(options, (timing) => timings.push(timing));
  try {
    const loaded = performance.now();
    await engine.warmUp();
    const warm = performance.now();
    const language = engine.model.languages[0] ?? 'en';
    const prompt = { language, task: 'transcribe', previous: [], committed: [] } as const;
    const contexts: ContextCheck[] = [];
    for (const bucket of engine.model.buckets) {
      const audio = babble(bucket - Math.min(bucket / 2, engine.model.tailSilenceSamples));
      timings = [];
      for (let run = 0; run < RUNS; run += 1)
        await engine.decode([{ audio, prompt, draft: [], temperature: 0, seed: 0 }]);
      contexts.push(contextCheck(bucket, timings));
    }
    return {
      languages: engine.model.languages,
      threads,
      loadMs: loaded - begin,
      warmUpMs: warm - loaded,
      contexts,
      memoryBytes: process.memoryUsage.rss(),
    };
  } finally {
    await engine.close();
  }
}

function contextCheck(bucket: number, timings: readonly DecodeTiming[]): ContextCheck {
  const encodeMs = Math.min(...timings.map((timing) => timing.encodeMs));
  const stepped = timings.filter(({ steps }) => steps > 0);
  const context = bucket / SAMPLE_RATE;
  return {
    context,
    encodeMs,
    encodeSpeed: (context * 1000) / encodeMs,
    stepMs: stepped.length === 0 ? null : Math.min(...stepped.map(({ stepsMs, steps }) => stepsMs / steps)),
  };
}

/** A hum whose loudness changes four times a second, as syllables do. */
function babble(samples: number): Float32Array {
  return Float32Array.from({ length: Math.floor(samples) }, (_, i) => {
    const seconds = i / SAMPLE_RATE;
    const voice = Math.sin(2 * Math.PI * 140 * seconds) + 0.5 * Math.sin(2 * Math.PI * 700 * seconds);
    return 0.1 * voice * (1 - Math.cos(2 * Math.PI * 4 * seconds));
  });
}
