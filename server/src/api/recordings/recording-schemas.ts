// What the server's own addresses for files take and answer.
import { LIMITS, POLISH_MODES, REWRITING } from '@sotto/protocol';
import * as v from 'valibot';
import { TRACK } from '../../audio/choose-track.js';
import { withoutDataUrl } from '../uploads/data-url.js';

const text = v.string('a text');
/** What may be said about a recording. */
export const TRANSCRIBE_FIELDS = v.object({
  language: v.optional(v.pipe(text, v.description('Language code such as en, or auto.')), 'auto'),
  track: v.optional(
    v.pipe(
      v.union([text, v.number()], 'a number or a language'),
      v.transform(String),
      v.regex(TRACK, 'a number from 1 or a language such as en'),
      v.description('Of several sound tracks: which, by number (from 1) or language.'),
    ),
  ),
  channels: v.optional(
    v.pipe(
      v.picklist(['mixed', 'separate'], 'mixed or separate'),
      v.description('separate: each channel is heard by itself, as a speaker of its own; its segments say which.'),
    ),
  ),
  prompt: v.optional(
    v.pipe(text, v.maxLength(10_000, 'at most 10,000 characters'), v.description('Sets the style, names things.')),
    '',
  ),
  hotwords: v.optional(
    v.pipe(
      v.array(text),
      v.maxLength(LIMITS.hotwordsMax, `at most ${LIMITS.hotwordsMax}`),
      v.description('Terms that are likely to come.'),
    ),
    [],
  ),
  ...REWRITING,
});
export const OPTIMIZE_FIELDS = v.object({
  ...TRANSCRIBE_FIELDS.entries,
  mode: v.optional(
    v.pipe(v.picklist(POLISH_MODES, `one of ${POLISH_MODES.join(', ')}`), v.description('How the text is polished.')),
    'standard',
  ),
  instruction: v.optional(v.pipe(text, v.description('With the mode custom: what to do with the text.')), ''),
});
/** The same as JSON, with the recording in it. */
export const JSON_FILE = v.object({
  file: v.pipe(text, v.transform(withoutDataUrl), v.base64('the recording in base64, or as a data URL')),
});

const number = v.number();
export const TRANSCRIPT_SEGMENT = v.object({
  start: v.pipe(number, v.description('Seconds.')),
  end: number,
  text: v.string(),
  channel: v.optional(v.pipe(number, v.description('From 0 on, where channels are separate.'))),
});
export const TRANSCRIBE_ANSWER = v.object({
  raw_text: v.string(),
  language: v.pipe(
    v.string(),
    v.description('Of most of the speech; empty where there is no speech and none was asked for.'),
  ),
  duration: v.pipe(number, v.description('Of the recording, seconds.')),
  segments: v.array(TRANSCRIPT_SEGMENT),
  warnings: v.pipe(
    v.array(v.string()),
    v.description('A damaged file, several tracks and which was heard, hardly any speech.'),
  ),
});
export const OPTIMIZE_ANSWER = v.object({
  ...TRANSCRIBE_ANSWER.entries,
  optimized_text: v.string(),
  mode: v.picklist(POLISH_MODES),
  polish_model: v.pipe(v.string(), v.description('What polished the text; none: nothing did.')),
  polish_fallback: v.pipe(
    v.nullable(v.string()),
    v.description('Why a simpler model, rules or nothing stands in; null: nothing does.'),
  ),
});

export type TranscribeAnswer = v.InferOutput<typeof TRANSCRIBE_ANSWER>;
export type OptimizeAnswer = v.InferOutput<typeof OPTIMIZE_ANSWER>;
