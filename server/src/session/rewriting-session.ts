// A session whose texts are rewritten before anybody sees them: it stands next to the session itself, so that sockets,
// viewers, captions and stored transcripts have nothing else.
import type { ClientMessage, PolishedMessage, ServerMessage } from '@sotto/protocol';
import { changeRewriting, isNothing, Rewriting, type RewritingWish } from '../text/rewriting/rewriting.js';
import type { SessionCheckpoint } from './session-checkpoint.js';
import { SessionDecorator } from './session-decorator.js';
import type { SessionFactory, SessionSink } from './session-port.js';

/** Changes of the settings that are remembered for polished texts that come late; before these the oldest holds. */
const CHANGES_MAX = 64;

type Hypothesis = Extract<ServerMessage, { type: 'partial' }>;
type Final = Extract<ServerMessage, { type: 'final' }>;
type Delta = Extract<ServerMessage, { type: 'polishedDelta' }>;

/** What holds from a segment on; undefined: nothing is rewritten. */
interface Change {
  readonly fromSegmentId: number;
  readonly rewriting: Rewriting | undefined;
}

export class RewritingSession extends SessionDecorator {
  readonly #isFixed: boolean;
  #wish: RewritingWish;
  /** In the order of the segments; never empty. */
  #changes: Change[];
  #isStarted = false;
  #hidSomething: boolean;
  /** Whether the message that is being taken was answered with an error. */
  #isRefused = false;
  /** Of the segment that began last. */
  #segmentId = -1;
  /** A polished text while it is being written: what came, and what was told of it. */
  #writing: { readonly key: string; came: string; told: string } | undefined;

  /**
   * @param defaults what holds where the client does not say
   * @param mode `fixed`: the client has no say, and another one around this has
   */
  constructor(
    create: SessionFactory,
    sink: SessionSink,
    defaults: RewritingWish,
    mode: 'changeable' | 'fixed' = 'changeable',
  ) {
    super(create, sink);
    this.#isFixed = mode === 'fixed';
    this.#wish = defaults;
    this.#changes = [{ fromSegmentId: 0, rewriting: rewritingOf(defaults) }];
    this.#hidSomething = defaults.redact.length > 0;
  }

  override receive(message: ClientMessage): void {
    if (message.type === 'start' && !this.#isStarted) {
      this.#isStarted = true;
      this.#change(message);
    }
    this.#isRefused = false;
    super.receive(message);
    // What is refused changes nothing (rule CF2).
    if (message.type === 'configure' && !this.#isRefused) this.#change(message);
  }

  /** A session that hides something does not go on elsewhere: a checkpoint would keep its words as they were said. */
  override checkpoint(): SessionCheckpoint | undefined {
    if (this.#hidSomething) return undefined;
    const checkpoint = super.checkpoint();
    return this.#isFixed ? checkpoint : checkpoint && { ...checkpoint, rewriting: this.#wish };
  }

  override restore(checkpoint: SessionCheckpoint): Promise<boolean> {
    this.#isStarted = true;
    this.#segmentId = checkpoint.utterances.count - 1;
    if (!this.#isFixed) this.#wish = checkpoint.rewriting ?? changeRewriting(this.#wish, checkpoint.start);
    this.#changes = [{ fromSegmentId: 0, rewriting: rewritingOf(this.#wish) }];
    this.#hidSomething = this.#wish.redact.length > 0;
    return super.restore(checkpoint);
  }

  protected override send(message: ServerMessage): void {
    switch (message.type) {
      case 'error':
        this.#isRefused = true;
        return this.sink.send(message);
      case 'speechStarted':
        this.#segmentId = Math.max(this.#segmentId, message.segmentId);
        return this.sink.send(message);
      case 'partial':
        return this.sink.send(this.#partial(message));
      case 'final':
        return this.sink.send(this.#final(message));
      case 'polished':
        return this.sink.send(this.#polished(message));
      case 'polishedDelta':
        return this.#delta(message);
      default:
        this.sink.send(message);
    }
  }

  #change(change: Extract<ClientMessage, { type: 'start' | 'configure' }>): void {
    if (this.#isFixed) return;
    const wish = changeRewriting(this.#wish, change);
    if (JSON.stringify(wish) === JSON.stringify(this.#wish)) return;
    this.#wish = wish;
    this.#hidSomething ||= wish.redact.length > 0;
    const fromSegmentId = this.#segmentId + 1;
    const before = this.#changes.filter((one) => one.fromSegmentId < fromSegmentId);
    this.#changes = [...before, { fromSegmentId, rewriting: rewritingOf(wish) }].slice(-CHANGES_MAX);
  }

  /** What is done to texts of these segments, one after the other. */
  #rewritings(first: number, last: number): Rewriting[] {
    const held = this.#changes.filter(({ fromSegmentId }, at) => {
      const next = this.#changes[at + 1]?.fromSegmentId ?? Infinity;
      return fromSegmentId <= last && next > first;
    });
    // Segments from before what is remembered.
    const used = held.length > 0 ? held : this.#changes.slice(0, 1);
    return used.flatMap(({ rewriting }) => rewriting ?? []);
  }

  #partial(message: Hypothesis): Hypothesis {
    const [rewriting] = this.#rewritings(message.segmentId, message.segmentId);
    if (rewriting === undefined) return message;
    const stable = rewriting.settled(message.stable);
    const all = rewriting.settled(message.stable + message.tentative);
    return { ...message, stable, tentative: all.slice(stable.length) };
  }

  #final(message: Final): Final {
    const [rewriting] = this.#rewritings(message.segmentId, message.segmentId);
    if (rewriting === undefined) return message;
    const { text, words } = message;
    return {
      ...message,
      text: rewriting.whole(text),
      ...(words !== undefined && { words: rewriting.words(words, text) }),
    };
  }

  #polished(message: PolishedMessage): PolishedMessage {
    this.#writing = undefined;
    const text = this.#of(message).reduce((before, rewriting) => rewriting.whole(before), message.text);
    // Never empty.
    return text.trim() === '' ? { ...message, text: '…' } : { ...message, text };
  }

  #of({ scope, segmentId = 0, firstSegmentId = 0, lastSegmentId = Infinity }: Subject): Rewriting[] {
    return scope === 'segment'
      ? this.#rewritings(segmentId, segmentId)
      : this.#rewritings(firstSegmentId, lastSegmentId);
  }

  #delta(message: Delta): void {
    const rewritings = this.#of(message);
    if (rewritings.length === 0) return this.sink.send(message);
    const key = `${message.scope} ${message.segmentId}`;
    if (this.#writing?.key !== key) this.#writing = { key, came: '', told: '' };
    const { came, told } = this.#writing;
    const now = came.slice(0, message.from) + message.text;
    const text = rewritings.reduce((before, rewriting) => rewriting.settled(before), now);
    this.#writing = { key, came: now, told: text };
    if (text === told) return;
    let from = 0;
    while (from < told.length && told[from] === text[from]) from += 1;
    this.sink.send({ ...message, from, text: text.slice(from) });
  }
}

/** What both a polished text and its deltas may say of their segments. */
type Subject = Pick<PolishedMessage, 'scope' | 'segmentId' | 'firstSegmentId' | 'lastSegmentId'>;

function rewritingOf(wish: RewritingWish): Rewriting | undefined {
  return isNothing(wish) ? undefined : new Rewriting(wish);
}
