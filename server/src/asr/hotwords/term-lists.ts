// Lists of terms that are in use, ready to be looked for in texts.
import { loadTokenizer, type EngineTokenizer } from '../tokenizer.js';
import type { Hotwords } from '../engine.js';
import { TermPlaces } from './term-places.js';

/** Lists that are kept. Beyond, the one that was used longest ago goes. */
const LISTS_MAX = 64;

/** By their keys: the lists of sessions come with every window. The tokenizer is read with the first one. */
export class TermLists {
  readonly #directory: string;
  readonly #lists = new Map<string, Promise<TermPlaces>>();
  #tokenizer: Promise<EngineTokenizer> | undefined;

  /** @param directory the model's folder */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Undefined where there are no terms. Rejects with ModelError. */
  async open(hotwords: Hotwords | undefined): Promise<TermPlaces | undefined> {
    if (hotwords === undefined) return undefined;
    const { key, terms } = hotwords;
    this.#tokenizer ??= loadTokenizer(this.#directory);
    const tokenizer = this.#tokenizer;
    const list = this.#lists.get(key) ?? tokenizer.then((one) => TermPlaces.open(one, terms));
    this.#lists.delete(key);
    this.#lists.set(key, list);
    const [oldest] = this.#lists.keys();
    if (this.#lists.size > LISTS_MAX && oldest !== undefined) this.#lists.delete(oldest);
    return list;
  }
}
