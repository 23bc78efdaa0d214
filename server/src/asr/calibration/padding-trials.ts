// Decodes every recording padded to every context that holds it: all that a search for the best padding needs to know.
import { scoreText, type ErrorCounts } from '@sotto/models';
import type { DecodeRequest, Engine } from '../engine.js';
import type { EngineTokenizer } from '../tokenizer.js';

/** A recording whose audio is loaded: 16 kHz mono, at most the model's window. */
export interface LoadedRecording {
  readonly samples: Float32Array;
  readonly text: string;
  readonly language: string;
}

/** One recording at one context. */
export interface Trial {
  /** Context, samples. */
  readonly context: number;
  readonly errors: ErrorCounts;
  /** Compute, milliseconds: its share of its batch. */
  readonly elapsedMs: number;
}

/** What is known of one recording. */
export interface RecordingTrials {
  /** Length of its audio, samples. */
  readonly samples: number;
  /** By context, ascending; the first is the shortest that holds the audio. */
  readonly trials: readonly Trial[];
}

export interface TrialOptions {
  /** Clock, milliseconds. */
  readonly now?: () => number;
  /** Called after each batch with the share that is done, 0-1. */
  readonly onProgress?: (done: number) => void;
}

/** Runs all trials on an engine whose buckets are the contexts to try. Rejects with EngineError. */
export async function runPaddingTrials(
  engine: Engine,
  tokenizer: EngineTokenizer,
  recordings: readonly LoadedRecording[],
  { now = () => performance.now(), onProgress = () => {} }: TrialOptions = {},
): Promise<RecordingTrials[]> {
  const known = recordings.map(({ samples }) => ({ samples: samples.length, trials: [] as Trial[] }));
  const total = engine.model.buckets.reduce((sum, context) => sum + holdable(recordings, context).length, 0);
  let done = 0;
  for (const context of engine.model.buckets) {
    const indices = holdable(recordings, context);
    for (let first = 0; first < indices.length; first += engine.maxBatch) {
      const batch = indices.slice(first, first + engine.maxBatch);
      const begin = now();
      const results = await engine.decode(batch.flatMap((index) => requestFor(recordings[index], context)));
      const elapsedMs = (now() - begin) / batch.length;
      for (const [i, index] of batch.entries()) {
        const { text = '', language = '' } = recordings[index] ?? {};
        const heard = tokenizer.decode((results[i]?.tokens ?? []).map(({ id }) => id));
        known[index]?.trials.push({ context, errors: scoreText(text, heard, language), elapsedMs });
      }
      done += batch.length;
      onProgress(done / total);
    }
  }
  return known;
}

function holdable(recordings: readonly LoadedRecording[], context: number): number[] {
  return [...recordings.keys()].filter((index) => (recordings[index]?.samples.length ?? Infinity) <= context);
}

/** The audio fills the context, silence behind it, so that the engine chooses that context. */
function requestFor(recording: LoadedRecording | undefined, context: number): DecodeRequest[] {
  if (!recording) return [];
  const audio = new Float32Array(context);
  audio.set(recording.samples);
  const prompt = { language: recording.language, task: 'transcribe', previous: [], committed: [] } as const;
  return [{ audio, prompt, draft: [], temperature: 0, seed: 0 }];
}
