// What the decoder reads before it writes: the text before the window, and the tokens that say what to do.
import type { SpecialTokens } from '../tokenizer/index.js';
import type { WhisperConfig } from './config.js';

export interface PromptRequest {
  /** Token of the language; left out for English-only models. */
  readonly languageToken: number | undefined;
  readonly task: 'transcribe' | 'translate';
  /** Text before the window; its last tokens are kept. */
  readonly previous: readonly number[];
  /** Text of this window that stands already. */
  readonly committed: readonly number[];
  /** <|0.00|>, where timestamps are to be written between its sentences. Absent: none are. */
  readonly firstTimestamp?: number | undefined;
}

export interface Prompt {
  readonly tokens: readonly number[];
  /** Index of <|startoftranscript|>: there the model tells the language and whether it hears speech. */
  readonly startIndex: number;
}

/**
 * openai/whisper `decoding.py` _get_initial_tokens, without timestamps: <|startofprev|> previous <|startoftranscript|>
 * language task <|notimestamps|>, then the committed text. English-only models know neither language nor task.
 * `previous` is cut to what half of the context holds, and further where the committed text needs the room.
 */
export function buildPrompt(config: WhisperConfig, special: SpecialTokens, request: PromptRequest): Prompt {
  const task = request.task === 'translate' ? special.translate : special.transcribe;
  const steering = request.languageToken === undefined ? [] : [request.languageToken, task];
  const begin = request.firstTimestamp ?? special.noTimestamps;
  const head = [special.startOfTranscript, ...steering, begin, ...request.committed];
  const half = Math.floor(config.maxTargetPositions / 2) - 1;
  // One place for <|startofprev|>, one for the next token.
  const room = Math.max(0, Math.min(half, config.maxTargetPositions - head.length - 2));
  const kept = room === 0 ? [] : request.previous.slice(-room);
  const before = kept.length === 0 ? [] : [special.startOfPrevious, ...kept];
  return { tokens: [...before, ...head], startIndex: before.length };
}
