// What went wrong, in words that say what to do about it.
import type { JSX } from 'preact';
import { words } from '../i18n/language.js';
import { failure } from '../studio/studio.js';

export function FailureNote(): JSX.Element {
  const t = words.value;
  const shown = failure.value;
  return (
    <div class="failure-place" role="alert">
      {shown !== undefined && (
        <div class="failure">
          <div>
            <p>{t.failures[shown.code]}</p>
            {shown.detail !== '' && <p class="detail">{shown.detail}</p>}
          </div>
          <button type="button" class="quiet" onClick={() => (failure.value = undefined)}>
            {t.dismiss}
          </button>
        </div>
      )}
    </div>
  );
}
