// What is done to the words of a recording, as fields of a form: lists with commas, rules as JSON or `find=replace;…`.
import { rulesOf } from '../../text/rewriting/default-rewriting.js';
import { HttpError } from '../../http/http-error.js';

export interface RewritingTexts {
  readonly replacements?: string | undefined;
  readonly profanity?: string | undefined;
  readonly redact?: string | undefined;
  readonly redactNames?: string | undefined;
}

/** As the schema `REWRITING` takes it. @throws HttpError 400 `invalid_request` for what is no JSON but begins so */
export function rewritingOf({ replacements, profanity, redact, redactNames }: RewritingTexts): object {
  return {
    ...(replacements !== undefined && {
      replacements: replacements.startsWith('[') ? fromJson('replacements', replacements) : rulesOf(replacements),
    }),
    ...(profanity !== undefined && { profanity }),
    ...(redact !== undefined && { redact: list('redact', redact) }),
    ...(redactNames !== undefined && { redactNames: list('redactNames', redactNames) }),
  };
}

function list(name: string, text: string): unknown {
  if (text.startsWith('[')) return fromJson(name, text);
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

export function fromJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HttpError(400, 'invalid_request', `${name}: expected JSON.`, {}, { cause });
  }
}
