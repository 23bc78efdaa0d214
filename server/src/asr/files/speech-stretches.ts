// Cuts a recording into stretches of speech as its samples come.
import { SampleHistory } from '../../audio/sample-history.js';
import { Endpointer, ENDPOINTING_DEFAULTS, type EndpointingOptions } from '../../vad/endpointing.js';
import { VAD_FRAME_SAMPLES, type VadRecording } from '../../vad/vad.js';

/** How a recording is to be cut; what is not given is the default. */
export type CuttingOptions = Partial<Pick<EndpointingOptions, 'threshold' | 'prefixPaddingMs' | 'minSilenceMs'>>;

/**
 * Audio of the room on both sides of the speech, milliseconds, as faster-whisper has it (`speech_pad_ms`). Where speech
 * is cut off close behind its last sound, the model is more often wrong about the last words, or says them twice.
 */
const PADDING_MS = 400;
/**
 * Nobody waits for the end of an utterance here: a window goes on across pauses, since the model understands more the
 * more it hears. Base, eight recordings of accented speech, 25 to 30 s: 42.0 % of the words wrong in windows that end
 * at pauses of 1 s, 34.5 % at 2 s.
 */
const FILE_ENDPOINTING = {
  ...ENDPOINTING_DEFAULTS,
  minSilenceMs: 2_500,
  sentenceSilenceMs: undefined,
  prefixPaddingMs: PADDING_MS,
  tailMs: PADDING_MS,
} as const satisfies EndpointingOptions;
/**
 * Silence that parts the segments of a recording, where the caller does not say, milliseconds: pauses between sentences
 * rather than within them.
 */
export const SEGMENT_SILENCE_MS = 1_000;

/** Samples that are judged in one run, 2 s: of more at once a frame is hardly cheaper. */
const JUDGED_AT_ONCE = 64 * VAD_FRAME_SAMPLES;

/** A stretch of speech with its audio. Positions are samples of the recording. */
export interface SpeechStretch {
  readonly start: number;
  readonly end: number;
  readonly audio: Float32Array;
  /** Share of the frames that were speech, 0-1. */
  readonly speechRatio: number;
  /** Speech probability of each frame (512 samples) from `start` on. */
  readonly speech: Float32Array;
}

/** How far the recording is heard, and a stretch if one has ended there. */
export interface StretchStep {
  /** No stretch that is yet to come begins before this sample. */
  readonly heardSamples: number;
  readonly stretch?: SpeechStretch;
}

/**
 * Judges a recording (16 kHz mono, in blocks of any size) frame by frame; memory holds the stretch under way, one
 * block and two seconds. Yields at the end of every block and of every stretch.
 * @param stretchMsMax Longer speech is cut at its best pause.
 */
export async function* speechStretches(
  blocks: AsyncIterable<Float32Array>,
  detector: VadRecording,
  stretchMsMax: number,
  cutting: CuttingOptions = {},
): AsyncGenerator<StretchStep, void, undefined> {
  const maxUtteranceMs = Math.min(FILE_ENDPOINTING.maxUtteranceMs, stretchMsMax);
  const minSilenceMs = Math.max(FILE_ENDPOINTING.minSilenceMs, cutting.minSilenceMs ?? 0);
  const prefixPaddingMs = Math.max(FILE_ENDPOINTING.prefixPaddingMs, cutting.prefixPaddingMs ?? 0);
  const options = { ...FILE_ENDPOINTING, ...cutting, minSilenceMs, prefixPaddingMs, maxUtteranceMs };
  const endpointer = new Endpointer(options);
  const history = new SampleHistory();
  /** Of the frames that history still has. */
  const probabilities = new SampleHistory();
  let start: number | undefined;
  let judged = 0;
  const cut = (from: number, end: number, speechRatio: number): SpeechStretch => ({
    start: from,
    end,
    audio: history.slice(from, end),
    speechRatio,
    speech: probabilities.slice(
      Math.floor(from / VAD_FRAME_SAMPLES),
      Math.min(probabilities.end, Math.ceil(end / VAD_FRAME_SAMPLES)),
    ),
  });
  const judge = async function* (frames: Float32Array): AsyncGenerator<StretchStep> {
    for (const probability of await detector.judge(frames)) {
      probabilities.push(Float32Array.of(probability));
      judged += VAD_FRAME_SAMPLES;
      for (const event of endpointer.step(probability)) {
        if (event.type === 'start') {
          start = event.start;
        } else if (event.type === 'end' && start !== undefined) {
          const end = Math.min(event.end, history.end);
          yield { heardSamples: end, stretch: cut(start, end, event.speechRatio) };
          start = undefined;
        }
      }
    }
  };
  for await (const block of blocks) {
    history.push(block);
    while (history.end - judged >= JUDGED_AT_ONCE) yield* judge(history.slice(judged, judged + JUDGED_AT_ONCE));
    const horizon = Math.min(start ?? judged, endpointer.horizon, judged);
    history.forget(horizon);
    probabilities.forget(Math.floor(horizon / VAD_FRAME_SAMPLES));
    yield { heardSamples: horizon };
  }
  if (history.end > judged) {
    const left = history.slice(judged, history.end);
    const last = new Float32Array(Math.ceil(left.length / VAD_FRAME_SAMPLES) * VAD_FRAME_SAMPLES);
    last.set(left);
    yield* judge(last);
  }
  const rest = endpointer.finish(history.end);
  yield {
    heardSamples: history.end,
    ...(rest && start !== undefined && { stretch: cut(start, Math.min(rest.end, history.end), rest.speechRatio) }),
  };
}
