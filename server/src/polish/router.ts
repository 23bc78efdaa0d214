// Which of the configured models polishes a text.
import type { PolishQueue } from './polish-queue.js';
import type { PolishStyle } from './polishing.js';

/**
 * With `quality: auto`, texts from this length on go to the better model: a short one has little to get wrong.
 * Characters.
 */
export const AUTO_BEST_CHARS = 160;

/** The models of a server, the quicker one first; one where there is no other. */
export type Models = readonly [fast: PolishQueue, best?: PolishQueue];

/** What a text needs of its model. */
export interface Needs {
  readonly style: PolishStyle;
  readonly language: string;
  /** Characters of the whole text. */
  readonly chars: number;
}

/**
 * The model for a text: that of the quality asked for; with `auto` the better one for long texts while it has a free
 * place. One that is down, or does not know mode or language, leaves the text to the other. Undefined: no model knows
 * mode and language.
 */
export function route([fast, best]: Models, { style, language, chars }: Needs): PolishQueue | undefined {
  const able = (model: PolishQueue | undefined): model is PolishQueue => {
    if (model === undefined) return false;
    const { modes, languages } = model.polisher;
    return modes.includes(style.mode) && (languages?.includes(language) ?? true);
  };
  const wantsBest =
    style.quality === 'best' || (style.quality === 'auto' && chars >= AUTO_BEST_CHARS && (best?.load ?? 1) < 1);
  const ranked = (wantsBest ? [best, fast] : [fast, best]).filter(able);
  return ranked.find(({ polisher }) => polisher.isAvailable) ?? ranked[0];
}
