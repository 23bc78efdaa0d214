// Options of a segment that keep what it is told.
import type { PartialHypothesis, SegmentOptions } from '../../server/src/asr/recognizer.js';

export function listener(more: Partial<SegmentOptions> = {}) {
  const partials: PartialHypothesis[] = [];
  const errors: Error[] = [];
  const options: SegmentOptions = {
    language: 'en',
    task: 'transcribe',
    previousText: '',
    hotwords: [],
    words: true,
    onPartial: (partial) => partials.push(partial),
    onError: (error) => errors.push(error),
    ...more,
  };
  return { partials, errors, options };
}
