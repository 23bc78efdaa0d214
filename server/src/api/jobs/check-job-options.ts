// What a job asks for and this server cannot do.
import { HttpError } from '../../http/http-error.js';
import type { JobOptions } from '../../jobs/job.js';
import { refuseLanguage } from '../../asr/model-languages.js';
import type { Polishing } from '../../polish/polishing.js';
import { changePolish, NO_POLISH, refusePolish } from '../../polish/polish-settings.js';

/** Throws HttpError 400 for what the model or the polisher cannot do. */
export function checkJobOptions(
  { language, task, polish }: JobOptions,
  model: { readonly name: string; readonly languages: readonly string[] },
  polishing?: Polishing,
): void {
  const unknown = refuseLanguage(language, model);
  if (unknown !== undefined) throw new HttpError(400, unknown.code, unknown.message);
  if (task === 'translate' && model.languages.length < 2) {
    throw new HttpError(400, 'unsupported_option', `${model.name} knows one language and cannot translate.`);
  }
  const refusal = refusePolish(changePolish(NO_POLISH, polish), polishing);
  if (refusal !== undefined) throw new HttpError(400, refusal.code, refusal.message);
}
