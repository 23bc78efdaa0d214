// The polish of a server: routes texts to models, bounds their time, checks what comes back, and falls back where it
// must.
import { messageOf, type PolishFallback, type PolishMode, type PolishOffer } from '@sotto/protocol';
import { guard } from './guards/guard.js';
import { PolishQueue, PolishQueueFullError } from './polish-queue.js';
import { PolisherError, TimeUpError, type Polisher, type PolishRequest } from './polisher.js';
import { TASK_CHARS_MAX, type Polishing, type PolishResult, type PolishStyle, type PolishTask } from './polishing.js';
import { route, type Models } from './router.js';
import { RULES, tidy } from './rules/rules-polisher.js';
import { inScript } from '../text/chinese-script.js';
import { onAbort, unlessAborted } from '../time/on-abort.js';
import { chunksOf, type Chunk } from './text/chunks.js';
import { cleanOutput } from './text/clean-output.js';
import { cleanText } from './text/clean-text.js';
import { languageOf } from './text/language.js';

/** Characters that a model gets at once; longer texts are cut between sentences. */
export const CHUNK_CHARS_MAX = 1_200;
/** Pieces of one long text that are polished at the same time, so that it leaves room for others. */
const CHUNKS_AT_ONCE = 4;
/** Of why a model gave no text; and so many characters of a text in it are a quotation. */
const REASON_CHARS_MAX = 300;
const QUOTED_CHARS = 12;
/** Characters of the text before that a model is told. */
const PREVIOUS_CHARS_MAX = 400;

export interface PolishServiceOptions {
  /** For `quality: fast`, and for everything where there is no better one. */
  readonly fast: Polisher;
  readonly best?: Polisher | undefined;
  /** Texts that may wait for one model. Beyond: `overloaded`. */
  readonly waitingMax: number;
  readonly onResult?: (result: PolishResult, latencyMs: number) => void;
  /** Told of each piece of text that a model gave nothing for, but where nobody wants it any more. */
  readonly onFailure?: (failure: PolishFailure) => void;
}

export interface PolishFailure {
  readonly sessionId?: string | undefined;
  readonly model: string;
  readonly code: PolishFallback;
  /** What went wrong, on one line, without anything of the text. */
  readonly reason: string;
}

/** The work on one task: what its pieces have in common. */
interface Job {
  readonly task: PolishTask;
  readonly language: string;
  readonly deadline: number;
  /** Aborts with the task, and when its time is over. */
  readonly signal: AbortSignal;
  readonly chars: number;
}

export class PolishService implements Polishing {
  readonly #models: Models;
  readonly #onResult: PolishServiceOptions['onResult'];
  readonly #onFailure: PolishServiceOptions['onFailure'];

  constructor({ fast, best, waitingMax, onResult, onFailure }: PolishServiceOptions) {
    this.#models =
      best === undefined
        ? [new PolishQueue(fast, waitingMax)]
        : [new PolishQueue(fast, waitingMax), new PolishQueue(best, waitingMax)];
    this.#onResult = onResult;
    this.#onFailure = onFailure;
  }

  get offer(): PolishOffer {
    const polishers = this.#polishers;
    const modes = new Set<PolishMode>(polishers.flatMap((polisher) => polisher.modes));
    const languages = polishers.map((polisher) => polisher.languages);
    return {
      available: polishers.some(({ isAvailable }) => isAvailable),
      models: polishers.map(({ name }) => name),
      modes: [...modes],
      ...(languages.includes(undefined) ? {} : { languages: [...new Set(languages.flatMap((known) => known ?? []))] }),
    };
  }

  /** Texts that wait for a model. */
  get waiting(): number {
    return this.#models.reduce((sum, model) => sum + (model?.waiting ?? 0), 0);
  }

  refusalOf({ mode, instruction }: PolishStyle): string | undefined {
    const { models, modes } = this.offer;
    if (!modes.includes(mode))
      return `${models.join(' and ')} cannot polish in the mode "${mode}"; modes: ${modes.join(', ')}.`;
    return mode === 'custom' && instruction.trim() === '' ? 'The mode "custom" needs an instruction.' : undefined;
  }

  prepare(): void {
    for (const polisher of this.#polishers) void polisher.warmUp();
  }

  async fallBack(
    { text: raw, language, style }: Pick<PolishTask, 'text' | 'language' | 'style'>,
    fallback: PolishFallback,
  ): Promise<PolishResult> {
    const text = cleanText(raw.slice(0, TASK_CHARS_MAX));
    const result = await inPlaceOf(text, languageOf(text, language), style, fallback);
    this.#onResult?.(result, 0);
    return result;
  }

  async polish(task: PolishTask): Promise<PolishResult> {
    task.signal.throwIfAborted();
    const startedAt = performance.now();
    const text = cleanText(task.text.slice(0, TASK_CHARS_MAX));
    if (text === '') return { text, model: 'none' };
    const timeUp = new AbortController();
    const timer = setTimeout(() => timeUp.abort(new TimeUpError()), task.budgetMs);
    const forget = onAbort(task.signal, () => timeUp.abort(task.signal.reason));
    try {
      const job: Job = {
        task,
        language: languageOf(text, task.language),
        deadline: startedAt + task.budgetMs,
        signal: timeUp.signal,
        chars: text.length,
      };
      const result = await this.#polishAll(chunksOf(text, CHUNK_CHARS_MAX), job);
      task.signal.throwIfAborted();
      this.#onResult?.(result, performance.now() - startedAt);
      return result;
    } finally {
      clearTimeout(timer);
      forget();
    }
  }

  /** Releases the models. May be called twice. */
  async close(): Promise<void> {
    await Promise.all(this.#polishers.map((polisher) => polisher.close()));
  }

  get #polishers(): Polisher[] {
    return this.#models.flatMap((model) => (model === undefined ? [] : [model.polisher]));
  }

  /** Pieces in any order, unless somebody reads along. */
  async #polishAll(chunks: readonly Chunk[], job: Job): Promise<PolishResult> {
    const results: PolishResult[] = [];
    let written = 0;
    let next = 0;
    const isRead = job.task.onText !== undefined;
    const work = async (): Promise<void> => {
      for (let at = next++; at < chunks.length; at = next++) {
        const chunk = chunks[at];
        if (chunk === undefined) return;
        const before = at === 0 ? job.task.previous : ((isRead ? results[at - 1]?.text : chunks[at - 1]?.text) ?? '');
        const from = written;
        const result = await this.#polishOne(chunk.text, before, job, from);
        results[at] = result;
        written = from + result.text.length + chunk.behind.length;
      }
    };
    await Promise.all(Array.from({ length: isRead ? 1 : CHUNKS_AT_ONCE }, work));
    const text = results.map((result, at) => result.text + (chunks[at]?.behind ?? '')).join('');
    const fallback = results.find((result) => result.fallback !== undefined)?.fallback;
    // The model's text, unless nothing of it is the model's.
    const model = results.find((result) => result.fallback === undefined)?.model ?? results[0]?.model ?? 'none';
    return { text, model, ...(fallback === undefined ? {} : { fallback }) };
  }

  async #polishOne(text: string, before: string, job: Job, from: number): Promise<PolishResult> {
    const { task, language } = job;
    const { style } = task;
    const model = route(this.#models, { style, language, chars: job.chars });
    if (model === undefined) return inPlaceOf(text, language, style, 'language');
    if (job.signal.aborted) return inPlaceOf(text, language, style, 'timeout');
    const request: PolishRequest = {
      text,
      previous: lastWords(before),
      mode: style.mode,
      instruction: style.instruction,
      language,
      script: style.script,
      paragraphs: task.paragraphs,
    };
    let written = from;
    const { onText } = task;
    const onPiece =
      onText &&
      ((piece: string): void => {
        if (job.signal.aborted) return;
        onText(written, piece);
        written += piece.length;
      });
    try {
      const run = model.run(request, { signal: job.signal, onText: onPiece, deadline: job.deadline });
      const output = await unlessAborted(run, job.signal);
      const cleaned = cleanText(cleanOutput(output, text));
      const { name, keepsWords } = model.polisher;
      const failure = name === RULES ? undefined : guard(text, cleaned, style.mode, keepsWords);
      if (failure !== undefined) return await inPlaceOf(text, language, style, failure);
      return { text: await inScript(cleaned, style.script), model: name };
    } catch (error) {
      const code = codeOf(error);
      const { sessionId, signal } = task;
      const { name } = model.polisher;
      if (!signal.aborted) this.#onFailure?.({ sessionId, model: name, code, reason: reasonOf(error, text) });
      return inPlaceOf(text, language, style, code);
    }
  }
}

/** The text by rules; where the caller wanted something of his own, as it is. */
async function inPlaceOf(
  text: string,
  language: string,
  { mode, script }: PolishStyle,
  fallback: PolishFallback,
): Promise<PolishResult> {
  const isOwn = mode === 'custom';
  return { text: await inScript(isOwn ? text : tidy(text, language), script), model: isOwn ? 'none' : RULES, fallback };
}

function codeOf(error: unknown): PolishFallback {
  if (error instanceof TimeUpError) return 'timeout';
  if (error instanceof PolishQueueFullError) return 'overloaded';
  return error instanceof PolisherError ? error.code : 'failed';
}

/** A library, or an endpoint, may quote what it was given: then its kind alone. */
function reasonOf(error: unknown, text: string): string {
  if (error instanceof TimeUpError) return 'its time was over';
  const reason = messageOf(error).replaceAll(/\s+/gu, ' ').slice(0, REASON_CHARS_MAX);
  const kind = error instanceof Error ? error.name : typeof error;
  return quotes(reason, text) ? `${kind}, whose message quotes the text` : reason;
}

function quotes(reason: string, text: string): boolean {
  const line = text.replaceAll(/\s+/gu, ' ');
  for (let at = 0; at === 0 || at + QUOTED_CHARS <= line.length; at++) {
    if (reason.includes(line.slice(at, at + QUOTED_CHARS))) return true;
  }
  return false;
}

/** The end of a text, from a word's beginning on. */
function lastWords(text: string): string {
  if (text.length <= PREVIOUS_CHARS_MAX) return text;
  return text.slice(-PREVIOUS_CHARS_MAX).replace(/^\S*\s+/, '');
}
