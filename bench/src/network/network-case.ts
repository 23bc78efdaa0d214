// One batch of windows through a network: encoder, prompt, single steps, and a draft verified at once, each timed.
import { samplesPerEncoderFrame, type DecoderInput, type WhisperNetwork } from '@sotto/models';

export interface NetworkTimes {
  readonly encodeMs: number;
  readonly promptMs: number;
  /** Of each single step. */
  readonly stepMs: readonly number[];
  /** Prompt and draft in one run. */
  readonly draftMs: number;
}

export interface NetworkCase {
  readonly contextSeconds: number;
  readonly batch: number;
  readonly steps: number;
  readonly draftTokens: number;
}

/** Tokens of the prompt: <|startoftranscript|>, language, task, <|notimestamps|>; two for an English-only model. */
export function promptOf({ special, config }: WhisperNetwork): number[] {
  const language = config.isMultilingual ? special.languages.get('en') : undefined;
  const steering = language === undefined ? [] : [language, special.transcribe];
  return [special.startOfTranscript, ...steering, special.noTimestamps];
}

/**
 * Runs the case once. The tokens are whatever the model says: nothing ends it early, so that every run does the same
 * work.
 */
export async function runNetworkCase(
  network: WhisperNetwork,
  { contextSeconds, batch, steps, draftTokens }: NetworkCase,
): Promise<NetworkTimes> {
  const samples = contextSeconds * 50 * samplesPerEncoderFrame;
  const audio = Float32Array.from(
    { length: batch * samples },
    (_, i) => 0.2 * Math.sin(i * 0.05) * Math.sin(i / 9_000),
  );
  const prompt = promptOf(network);
  const rows = Array.from({ length: batch }, (_, row) => row);
  const began = performance.now();
  const decoder = await network.hear(
    audio,
    rows.map(() => samples),
  );
  try {
    const heard = performance.now();
    const lasts = rows.map((row) => row * prompt.length + prompt.length - 1);
    let { best } = await decoder.advance(
      inputOf(
        rows.map(() => prompt),
        0,
        lasts,
      ),
    );
    const prompted = performance.now();
    const stepMs: number[] = [];
    for (let step = 0; step < steps; step++) {
      const before = performance.now();
      ({ best } = await decoder.advance(
        inputOf(
          best.map((token) => [token]),
          prompt.length + step,
          rows,
        ),
      ));
      stepMs.push(performance.now() - before);
    }
    decoder.restart();
    const drafted = [...prompt, ...Array.from({ length: draftTokens }, (_, i) => i % network.special.endOfText)];
    const verified = rows.flatMap((row) =>
      Array.from({ length: draftTokens + 1 }, (_, i) => row * drafted.length + prompt.length - 1 + i),
    );
    const before = performance.now();
    await decoder.advance(
      inputOf(
        rows.map(() => drafted),
        0,
        verified,
      ),
    );
    return {
      encodeMs: heard - began,
      promptMs: prompted - heard,
      stepMs,
      draftMs: performance.now() - before,
    };
  } finally {
    decoder.close();
  }
}

function inputOf(tokens: readonly (readonly number[])[], from: number, select: readonly number[]): DecoderInput {
  return {
    batch: tokens.length,
    tokens: tokens.flat(),
    positions: tokens.flatMap((row) => row.map((_, i) => from + i)),
    present: tokens.flatMap((row) => row.map(() => true)),
    select,
    rules: select.map(() => 'text'),
    logits: false,
  };
}
