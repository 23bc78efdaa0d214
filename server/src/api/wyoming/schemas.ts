// What a Wyoming client may say, as far as Sotto heeds it.
import { CodedError, LIMITS } from '@sotto/protocol';
import * as v from 'valibot';

const names = v.nullish(v.pipe(v.array(v.string()), v.maxLength(1_000)), []);

/** The model that it names, its context and its sensitivity change nothing here. */
export const Transcribe = v.object({
  language: v.nullish(v.pipe(v.string(), v.maxLength(64))),
  transcript_names: names,
  transcript_terms: names,
});
export type Transcribe = v.InferOutput<typeof Transcribe>;

/** Of `audio-start` and `audio-chunk`. */
export const Pcm = v.object({
  rate: v.pipe(v.number(), v.integer(), v.minValue(LIMITS.sampleRateMin), v.maxValue(LIMITS.sampleRateMax)),
  /** Bytes of a sample. */
  width: v.literal(2, 'must be 2: send samples of 16 bits'),
  channels: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(LIMITS.channelsMax)),
});
export type Pcm = v.InferOutput<typeof Pcm>;

export const Ping = v.object({ text: v.nullish(v.pipe(v.string(), v.maxLength(1_024))) });

/** What an event says makes no sense: the next one is read all the same. */
export class EventError extends CodedError<'invalid_message'> {
  override readonly name = 'EventError';
}

/** @throws EventError, which names the field */
export function readData<const S extends v.GenericSchema>(schema: S, data: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, data);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new EventError('invalid_message', `${v.getDotPath(issue) ?? 'data'}: ${issue.message}`);
}
