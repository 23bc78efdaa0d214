// Sotto's own small models: `[<|context|>text before]<|raw|>text<|clean|>`, then the polished text up to `<|end|>`;
// greedy.
import type { LlamaContextSequence, LlamaModel, Token } from 'node-llama-cpp';
import type { PolishRequest } from '../polisher.js';
import { UnendedTextError, type Writer, type WriterRun } from './writer.js';

/** Words of the text before: as many as the models were trained with. */
const PREVIOUS_WORDS_MAX = 40;

export class SottoWriter implements Writer {
  readonly #model: LlamaModel;
  readonly #sequence: LlamaContextSequence;
  readonly #marks: Readonly<Record<'context' | 'raw' | 'clean' | 'end', Token>>;

  constructor(model: LlamaModel, sequence: LlamaContextSequence) {
    this.#model = model;
    this.#sequence = sequence;
    const mark = (name: string): Token => {
      const [token, ...more] = model.tokenize(`<|${name}|>`, true);
      if (token === undefined || more.length > 0) throw new Error(`the model has no token <|${name}|>`);
      return token;
    };
    this.#marks = { context: mark('context'), raw: mark('raw'), clean: mark('clean'), end: mark('end') };
  }

  async write({ text, previous }: PolishRequest, { signal, onText }: WriterRun): Promise<string> {
    const { context, raw, clean, end } = this.#marks;
    const before = previous.split(/\s+/).slice(-PREVIOUS_WORDS_MAX).join(' ');
    const said = this.#model.tokenize(settled(text), false);
    const prompt = [...(before === '' ? [] : [context, ...this.#model.tokenize(before, false)]), raw, ...said, clean];
    const tokensMax = Math.min(Math.floor(said.length * 1.5) + 24, this.#sequence.contextSize - prompt.length - 1);
    if (tokensMax < 1) throw new Error(`the text has ${said.length} tokens, which the model's context does not hold`);
    await this.#sequence.clearHistory();
    const written: Token[] = [];
    let told = '';
    for await (const token of this.#sequence.evaluate(prompt, { temperature: 0 })) {
      signal.throwIfAborted();
      if (token === end) break;
      written.push(token);
      if (written.length > tokensMax) throw new UnendedTextError(tokensMax);
      const whole = this.#model.detokenize(written);
      // A character of several tokens is not told before its last one.
      if (whole.endsWith('\ufffd')) continue;
      onText(whole.slice(told.length));
      told = whole;
    }
    // The end of a text that the file itself names is not told as a token.
    return this.#model.detokenize(written);
  }
}

/** A text in capitals only as the models know it: in small letters. */
function settled(text: string): string {
  const capitals = text.match(/\p{Lu}/gu)?.length ?? 0;
  return capitals > 3 && text.includes(' ') && !/\p{Ll}/u.test(text) ? text.toLowerCase() : text;
}
