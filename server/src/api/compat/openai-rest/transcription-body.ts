// Transcripts in the shapes of OpenAI's audio API.
import { compressionRatio } from '../../../asr/hypothesis/hallucination-guards.js';
import type { TranscribedSegment } from '../../../asr/files/file-transcriber.js';
import { formatTranscript } from '../../../captions/transcript-formats.js';
import { mainLanguage } from '../../../recordings/transcribed-upload.js';
import type { WholeResponse } from '../../../http/exchange.js';
import { joinUtterances } from '../language.js';
import type { Logprob } from '../openai-realtime/events.js';
import { openAiJson, requestId } from '../openai-realtime/http-errors.js';
import { isTokenPriced } from './models.js';
import type { TranscriptionForm } from './transcription-options.js';

/** Whisper's log-mel frames: 10 ms. */
const SEEK_MS = 10;

export interface Heard {
  readonly segments: readonly TranscribedSegment[];
  readonly durationMs: number;
  /** Said in `verbose_json`. */
  readonly warnings: readonly string[];
  readonly form: TranscriptionForm;
  readonly task: 'transcribe' | 'translate';
}

export function transcriptionResponse(heard: Heard): WholeResponse {
  const { form, segments, durationMs } = heard;
  switch (form.response_format) {
    case 'json':
      return openAiJson(200, {
        text: textOf(segments),
        ...(form.include.includes('logprobs') && { logprobs: segments.flatMap(logprobsOf) }),
        ...(heard.task === 'transcribe' && { usage: usageOf(form.model, segments, durationMs) }),
      });
    case 'verbose_json':
      return openAiJson(200, verbose(heard));
    case 'text':
      return plain(`${textOf(segments)}\n`);
    case 'srt':
    case 'vtt':
      return plain(formatTranscript(form.response_format, segments));
  }
}

function plain(body: string): WholeResponse {
  return {
    status: 200,
    contentType: 'text/plain; charset=utf-8',
    body,
    headers: { 'cache-control': 'no-store', 'x-request-id': requestId() },
  };
}

/** What comes of a segment after the one before it: concatenated they are the whole text. */
export function deltaOf({ text, language }: TranscribedSegment, before: TranscribedSegment | undefined): string {
  const said = before?.text.trimEnd() ?? '';
  return joinUtterances([said, text], language).slice(said.length);
}

export function textOf(segments: readonly TranscribedSegment[]): string {
  return segments.map((segment, index) => deltaOf(segment, segments[index - 1])).join('');
}

function verbose({ segments, durationMs, warnings, form, task }: Heard) {
  const wanted = form.timestamp_granularities;
  return {
    task,
    language: task === 'translate' ? 'english' : languageName(mainLanguage(segments, form.language ?? 'auto')),
    duration: seconds(durationMs),
    text: textOf(segments),
    ...(wanted.includes('segment') && { segments: segments.map(verboseSegment) }),
    ...(wanted.includes('word') && {
      words: segments.flatMap(({ words }) =>
        words.map(({ text, startMs, endMs }) => ({ word: text, start: seconds(startMs), end: seconds(endMs) })),
      ),
    }),
    ...(task === 'transcribe' && { usage: usageOf(form.model, segments, durationMs) }),
    ...(warnings.length > 0 && { warnings }),
  };
}

function verboseSegment(segment: TranscribedSegment, id: number) {
  return {
    id,
    seek: Math.round(segment.startMs / SEEK_MS),
    start: seconds(segment.startMs),
    end: seconds(segment.endMs),
    text: ` ${segment.text}`,
    tokens: segment.tokens.map((token) => token.id),
    temperature: segment.temperature,
    avg_logprob: segment.avgLogprob,
    compression_ratio: compressionRatio(segment.text),
    no_speech_prob: segment.noSpeechProb,
    ...(segment.channel !== undefined && { channel: segment.channel }),
  };
}

export function logprobsOf({ tokens }: TranscribedSegment): Logprob[] {
  return tokens.map(({ text, logprob }) => ({ token: text, logprob, bytes: [...Buffer.from(text)] }));
}

/** By tokens for the models that OpenAI counts so, else by time. */
export function usageOf(model: string, segments: readonly TranscribedSegment[], durationMs: number) {
  if (!isTokenPriced(model)) return { type: 'duration', seconds: Math.ceil(durationMs / 1_000) };
  const output = segments.reduce((sum, { tokens }) => sum + tokens.length, 0);
  // OpenAI counts ten tokens a second of audio.
  const input = Math.ceil(durationMs / 100);
  return {
    type: 'tokens',
    input_tokens: input,
    output_tokens: output,
    total_tokens: input + output,
    input_token_details: { text_tokens: 0, audio_tokens: input },
  };
}

/** `en` -> `english`, as Whisper calls it; Whisper's own codes among them. */
export function languageName(code: string): string {
  if (code === '') return 'unknown';
  const names = new Intl.DisplayNames(['en'], { type: 'language' });
  return (names.of(code === 'jw' ? 'jv' : code) ?? code).toLowerCase();
}

function seconds(ms: number): number {
  return Math.round(ms) / 1_000;
}
