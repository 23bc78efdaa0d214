// The answer of a chat endpoint as text, streamed or whole; whatever else comes is refused.
import * as v from 'valibot';
import { ANSWER_BYTES_MAX, eventData } from './event-stream.js';

const Choice = v.object({
  delta: v.nullish(v.object({ content: v.nullish(v.string()) })),
  message: v.nullish(v.object({ content: v.nullish(v.string()) })),
  finish_reason: v.nullish(v.string()),
});
const Completion = v.object({
  choices: v.nullish(v.array(Choice)),
  error: v.nullish(v.unknown()),
});
/** What an endpoint says of a failure, without what it may quote. */
const Failure = v.object({ code: v.nullish(v.union([v.string(), v.number()])), type: v.nullish(v.string()) });

export interface CompletionListener {
  readonly onText: (piece: string) => void;
  /** Called when anything comes. */
  readonly onAlive: () => void;
}

/** Reads to the end. Rejects when it is no chat completion, when it breaks off, or was cut at its length. */
export async function readCompletion(response: Response, { onText, onAlive }: CompletionListener): Promise<string> {
  if (response.body === null) throw new Error('the answer is empty');
  const body = watched(response.body, onAlive);
  const type = response.headers.get('content-type') ?? '';
  // Servers that do not stream answer in one piece.
  if (type.includes('application/json')) {
    const { text, finish } = read(await whole(body), 'message');
    requireEnd(finish ?? 'stop');
    onText(text);
    return text;
  }
  let text = '';
  let finish: string | undefined;
  for await (const data of eventData(body)) {
    if (data.trim() === '[DONE]') {
      finish ??= 'stop';
      break;
    }
    const piece = read(data, 'delta');
    finish = piece.finish ?? finish;
    if (piece.text === '') continue;
    text += piece.text;
    onText(piece.text);
  }
  requireEnd(finish);
  return text;
}

function requireEnd(finish: string | undefined): void {
  if (finish === undefined) throw new Error('the answer broke off');
  if (finish === 'length') throw new Error('the answer was cut at its length');
}

function read(data: string, field: 'delta' | 'message'): { text: string; finish: string | undefined } {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch (cause) {
    throw new Error('the answer is not a chat completion', { cause });
  }
  const result = v.safeParse(Completion, value);
  if (!result.success) throw new Error('the answer is not a chat completion');
  const { choices, error } = result.output;
  if (error !== undefined && error !== null) {
    const failure = v.safeParse(Failure, error);
    const what = failure.success ? (failure.output.code ?? failure.output.type) : undefined;
    throw new Error(`the endpoint reports an error${what === undefined || what === null ? '' : `: ${what}`}`);
  }
  const [choice] = choices ?? [];
  // A chunk without choices tells of usage and the like.
  return { text: choice?.[field]?.content ?? '', finish: choice?.finish_reason ?? undefined };
}

async function* watched(body: ReadableStream<Uint8Array>, onAlive: () => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    onAlive();
    yield chunk;
  }
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new RangeError(`the answer has more than ${ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
