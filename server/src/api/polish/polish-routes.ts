// Polish over HTTP: one text, or several at once, as JSON or while they are written.
import { ALLOW_ALL, type Authorizer } from '../../access/access.js';
import { callerOf, checkPolish } from '../access/callers.js';
import { LIMITS, POLISH_MODES } from '@sotto/protocol';
import * as v from 'valibot';
import type { HttpRequest, HttpResponse } from '../../http/exchange.js';
import { eventStream, type ServerSentEvent } from '../../http/event-stream.js';
import { HttpError } from '../../http/http-error.js';
import { jsonResponse, readJson } from '../../http/json.js';
import type { Route } from '../../http/router.js';
import { onAbort } from '../../time/on-abort.js';
import { TASK_CHARS_MAX, type Polishing, type PolishResult } from '../../polish/polishing.js';

/** Texts of one request. */
export const TEXTS_MAX = 64;
/** Texts of one request that are polished at the same time, so that it leaves room for others. */
const TEXTS_AT_ONCE = 4;
/** How long a request may take, milliseconds, unless it says; beyond, its texts are those of the rules. */
const TIMEOUT_MS = 60_000;
const TIMEOUT_MS_MAX = 600_000;
const BODY_BYTES_MAX = 2 * 1_048_576;

const text = v.pipe(v.string('a text'), v.maxLength(TASK_CHARS_MAX, `at most ${TASK_CHARS_MAX} characters`));
export const PolishBody = v.pipe(
  v.object({
    text: v.optional(text),
    texts: v.optional(
      v.pipe(v.array(text), v.minLength(1, 'at least one text'), v.maxLength(TEXTS_MAX, `at most ${TEXTS_MAX} texts`)),
    ),
    mode: v.optional(v.picklist(POLISH_MODES, `one of ${POLISH_MODES.join(', ')}`), 'standard'),
    language: v.optional(
      v.pipe(v.string(), v.regex(/^(auto|[a-z]{2,3})$/, 'a language code such as "en", or "auto"')),
      'auto',
    ),
    instruction: v.optional(
      v.pipe(v.string(), v.maxLength(LIMITS.promptCharsMax, `at most ${LIMITS.promptCharsMax} characters`)),
      '',
    ),
    quality: v.optional(v.picklist(['auto', 'fast', 'best'], 'one of auto, fast, best'), 'auto'),
    script: v.optional(v.picklist(['simplified', 'traditional'], 'simplified or traditional')),
    /** Text that comes before, already polished. */
    previous: v.optional(
      v.pipe(v.string(), v.maxLength(LIMITS.promptCharsMax, `at most ${LIMITS.promptCharsMax} characters`)),
      '',
    ),
    /** Whether the result is streamed as server-sent events; `Accept: text/event-stream` asks for the same. */
    stream: v.optional(v.boolean('true or false'), false),
    timeoutMs: v.optional(
      v.pipe(v.number(), v.minValue(100, 'at least 100'), v.maxValue(TIMEOUT_MS_MAX, `at most ${TIMEOUT_MS_MAX}`)),
      TIMEOUT_MS,
    ),
  }),
  v.check((body) => (body.text === undefined) !== (body.texts === undefined), 'expected either "text" or "texts"'),
  v.check(
    ({ texts = [] }) => texts.reduce((sum, it) => sum + it.length, 0) <= TASK_CHARS_MAX,
    `texts: at most ${TASK_CHARS_MAX} characters together`,
  ),
);
type PolishBody = v.InferOutput<typeof PolishBody>;

/** One polished text, as the answer tells it. */
interface Answer extends Omit<PolishResult, 'text'> {
  readonly original: string;
  readonly optimized: string;
  readonly mode: PolishBody['mode'];
}

/** `POST /v1/polish`, and the same at `POST /optimize_only`. @param access who may. Default: everybody */
export function polishRoutes(polishing: Polishing | undefined, access: Authorizer = ALLOW_ALL): Route[] {
  return ['/v1/polish', '/optimize_only'].map((path) => ({
    method: 'POST',
    path,
    handle: ({ request }) => {
      checkPolish(callerOf(access, request, 'files'));
      return answer(polishing, request);
    },
  }));
}

async function answer(polishing: Polishing | undefined, request: HttpRequest): Promise<HttpResponse> {
  const body = await readJson(request, PolishBody, { bytesMax: BODY_BYTES_MAX });
  if (polishing === undefined) throw new HttpError(501, 'unsupported_option', 'This server has no polisher.');
  const { mode, instruction, quality, script } = body;
  const refusal = polishing.refusalOf({ mode, instruction, quality, script });
  if (refusal !== undefined) throw new HttpError(400, 'unsupported_option', refusal);
  if (body.stream || request.header('accept').includes('text/event-stream')) {
    return eventStream(streamed(polishing, body, request.signal));
  }
  const answers: Answer[] = [];
  await polishAll(polishing, body, request.signal, { onAnswer: (index, one) => (answers[index] = one) });
  return jsonResponse(200, body.text === undefined ? { results: answers } : answers[0]);
}

interface Listener {
  readonly onAnswer: (index: number, answer: Answer) => void;
  readonly onText?: (index: number, from: number, piece: string) => void;
}

async function polishAll(
  polishing: Polishing,
  body: PolishBody,
  signal: AbortSignal,
  { onAnswer, onText }: Listener,
): Promise<void> {
  const texts = body.texts ?? [body.text ?? ''];
  const { mode, instruction, quality, script, language, previous } = body;
  const deadline = performance.now() + body.timeoutMs;
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < texts.length; index = next++) {
      const original = texts[index] ?? '';
      const { text: optimized, ...rest } = await polishing.polish({
        text: original,
        previous,
        language,
        style: { mode, instruction, quality, script },
        paragraphs: true,
        budgetMs: Math.max(0, deadline - performance.now()),
        signal,
        onText: onText && ((from, piece) => onText(index, from, piece)),
      });
      onAnswer(index, { original, optimized, mode, ...rest });
    }
  };
  await Promise.all(Array.from({ length: TEXTS_AT_ONCE }, work));
}

/**
 * `delta` events with pieces, a `result` for each text, `done` at the end. In a batch each names its text by `index`.
 */
async function* streamed(
  polishing: Polishing,
  body: PolishBody,
  requestSignal: AbortSignal,
): AsyncGenerator<ServerSentEvent> {
  const isBatch = body.texts !== undefined;
  const ready: ServerSentEvent[] = [];
  let wake: (() => void) | undefined;
  const tell = (event: string, index: number, data: object): void => {
    ready.push({ event, data: JSON.stringify(isBatch ? { index, ...data } : data) });
    wake?.();
  };
  const gone = new AbortController();
  const forget = onAbort(requestSignal, () => gone.abort(requestSignal.reason));
  let isDone = false;
  let failure: unknown;
  const work = polishAll(polishing, body, gone.signal, {
    onAnswer: (index, one) => tell('result', index, one),
    onText: (index, from, text) => tell('delta', index, { from, text }),
  })
    .catch((error: unknown) => (failure = error))
    .finally(() => {
      isDone = true;
      wake?.();
    });
  try {
    for (;;) {
      const event = ready.shift();
      if (event !== undefined) yield event;
      else if (isDone) break;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    if (failure !== undefined) throw failure;
    yield { event: 'done', data: '{}' };
  } finally {
    forget();
    gone.abort(new Error('the reader went away'));
    await work;
  }
}
