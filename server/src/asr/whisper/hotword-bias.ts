// Terms that a caller expects, made likelier while they are being written: a prefix trie over their tokens, whose
// matches raise the logits of the tokens that go on with a term (Le et al. 2021, "Contextualized streaming end-to-end
// speech recognition with trie-based deep biasing and shallow fusion"). Decoding is greedy, so what was begun for a
// term's sake and does not become one is taken back, as a beam would let go of it.
import type { DecodedToken, Hotwords } from '../engine.js';

/** Tries that are kept: one for each list of terms that is in use. Beyond, the one that was used longest ago goes. */
const TRIES_MAX = 64;

/** What was written so far is the beginning of a term, or the whole of it. */
interface Node {
  readonly children: Map<number, Node>;
  /** What its own token gains where it is next: boost x (1 + ln depth). */
  readonly gain: number;
  isTerm: boolean;
}

/** The terms of one list; shared by the rows that have it. */
export class HotwordTrie {
  readonly root: Node = { children: new Map(), gain: 0, isTerm: false };
  readonly fromRoot: Candidates;

  constructor({ terms, boost }: Hotwords) {
    for (const term of terms) {
      let node = this.root;
      for (const [at, token] of term.entries()) {
        let next = node.children.get(token);
        if (next === undefined) {
          next = { children: new Map(), gain: boost * (1 + Math.log(at + 1)), isTerm: false };
          node.children.set(token, next);
        }
        node = next;
      }
      node.isTerm = true;
    }
    this.fromRoot = candidatesOf([this.root]);
  }
}

/** Tokens that gain; of one that goes on with several terms, the largest gain. */
interface Candidates {
  readonly ids: readonly number[];
  readonly nodes: readonly Node[];
}

function candidatesOf(nodes: readonly Node[]): Candidates {
  const byToken = new Map<number, Node>();
  for (const { children } of nodes) {
    for (const [id, node] of children) {
      if (node.gain > (byToken.get(id)?.gain ?? -Infinity)) byToken.set(id, node);
    }
  }
  return { ids: [...byToken.keys()], nodes: [...byToken.values()] };
}

/** What a row writes next, after taking back its last `takenBack` tokens. */
export interface BiasedStep {
  readonly token: DecodedToken;
  readonly takenBack: number;
}

/** A term that the model alone would not have written, as far as it is written. */
interface Attempt {
  readonly node: Node;
  /** Tokens written for it. */
  readonly written: number;
  /** How much less likely they are than what the model would have written at their places, natural log. */
  readonly cost: number;
  /** What the model would have written at its first place, and where the row stood there. */
  readonly instead: DecodedToken;
  readonly open: readonly Node[];
}

/** Where one row stands: in every term whose beginning it has just written. */
export class HotwordBias {
  readonly #trie: HotwordTrie;
  #open: readonly Node[] = [];
  #attempt: Attempt | undefined;

  constructor(trie: HotwordTrie) {
    this.#trie = trie;
  }

  /** A second one at the same place. */
  fork(): HotwordBias {
    const fork = new HotwordBias(this.#trie);
    fork.#open = this.#open;
    return fork;
  }

  /** Tokens that gain behind the text so far. */
  get candidates(): readonly number[] {
    return this.#candidates.ids;
  }

  /** Goes on behind a token that stands. */
  advance(token: number): void {
    const nodes = [...this.#open, this.#trie.root].flatMap(({ children }) => children.get(token) ?? []);
    this.#open = nodes.filter(({ children }) => children.size > 0);
  }

  /**
   * What is written next.
   *
   * @param best the model's own choice. All that gains nothing is at most as likely
   * @param logits of `candidates`, in their order, and of `best` behind them
   * @param isKnown whether `best` was written there before, with the same terms: no term begins there then
   */
  step(best: DecodedToken, logits: Float32Array, isKnown = false): BiasedStep {
    const attempt = this.#attempt;
    const choice = isKnown && attempt === undefined ? undefined : this.#choose(best, logits);
    const token = choice === undefined ? best : { ...best, id: choice.id, logprob: best.logprob - choice.cost };
    if (attempt === undefined && choice === undefined) return this.#write(best);
    const node = attempt === undefined ? choice?.node : attempt.node.children.get(token.id);
    if (node === undefined) return this.#takeBack();
    const cost = (attempt?.cost ?? 0) + (choice?.cost ?? 0);
    const { instead, open, written } = attempt ?? { instead: best, open: this.#open, written: 0 };
    this.#attempt = { node, cost, instead, open, written };
    // A term may cost, as a whole, what its last token gains.
    if (node.isTerm && cost > node.gain) return this.#takeBack();
    this.#attempt = node.isTerm ? undefined : { node, cost, instead, open, written: written + 1 };
    return this.#write(token);
  }

  /** The text ends here: what is written of a term that is not whole is taken back. */
  giveUp(): BiasedStep | undefined {
    return this.#attempt === undefined ? undefined : this.#takeBack();
  }

  get #candidates(): Candidates {
    return this.#open.length === 0 ? this.#trie.fromRoot : candidatesOf([this.#trie.root, ...this.#open]);
  }

  /** The token that wins by what it gains; undefined: the model's own. */
  #choose(best: DecodedToken, logits: Float32Array): { id: number; cost: number; node: Node } | undefined {
    const { ids, nodes } = this.#candidates;
    const bestLogit = logits[ids.length] ?? 0;
    let won = -1;
    let highest = bestLogit + (nodes[ids.indexOf(best.id)]?.gain ?? 0);
    for (let at = 0; at < ids.length; at++) {
      const score = (logits[at] ?? -Infinity) + (nodes[at]?.gain ?? 0);
      if (score <= highest) continue;
      highest = score;
      won = at;
    }
    const [id, node] = [ids[won], nodes[won]];
    if (id === undefined || node === undefined || id === best.id) return undefined;
    return { id, node, cost: bestLogit - (logits[won] ?? -Infinity) };
  }

  #write(token: DecodedToken): BiasedStep {
    this.advance(token.id);
    return { token, takenBack: 0 };
  }

  #takeBack(): BiasedStep {
    const { instead, open, written } = this.#attempt as Attempt;
    this.#attempt = undefined;
    this.#open = open;
    this.advance(instead.id);
    return { token: instead, takenBack: written };
  }
}

/** Tries by their terms: the lists of sessions come with every window. */
export class HotwordTries {
  readonly #tries = new Map<string, HotwordTrie>();

  /** @returns undefined where there are no terms */
  open(hotwords: Hotwords | undefined): HotwordBias | undefined {
    if (hotwords === undefined || hotwords.terms.length === 0) return undefined;
    const trie = this.#tries.get(hotwords.key) ?? new HotwordTrie(hotwords);
    this.#tries.delete(hotwords.key);
    this.#tries.set(hotwords.key, trie);
    const [oldest] = this.#tries.keys();
    if (this.#tries.size > TRIES_MAX && oldest !== undefined) this.#tries.delete(oldest);
    return new HotwordBias(trie);
  }
}
