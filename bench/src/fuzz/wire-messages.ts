// Messages of Sotto's own wire: valid ones in any order, ones with wrong fields, damaged frames, and huge ones.
import {
  JsonClientCodec,
  LIMITS,
  MsgpackClientCodec,
  POLISH_MODES,
  type ClientMessage,
  type Frame,
} from '@sotto/protocol';
import { badValue, damaged, withBadField } from './bad-values.js';
import type { Chance } from './chance.js';

export type WireFormat = 'msgpack' | 'json';
type Message = Readonly<Record<string, unknown>>;

/** Bytes beyond what a server takes in one message, and beyond what its transport reads. */
const HUGE_BYTES = [LIMITS.messageBytesMax + 1, 2 * LIMITS.messageBytesMax + 100];
const START: Message = { type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } };

/** The frames of a conversation, one after the other without an end: it is over when the server says so. */
export class WireConversation {
  readonly #chance: Chance;
  readonly #encode: (message: unknown) => readonly Frame[];
  #offset = 0;
  #isFirst = true;

  constructor(chance: Chance, format: WireFormat) {
    this.#chance = chance;
    const codec = format === 'msgpack' ? new MsgpackClientCodec() : new JsonClientCodec();
    // What a codec writes does not depend on whether the message makes sense.
    this.#encode = (message) => codec.encode(message as ClientMessage);
  }

  next(): readonly Frame[] {
    const chance = this.#chance;
    if (this.#isFirst) {
      this.#isFirst = false;
      // A conversation that does not begin with `start` is soon over.
      if (chance.hits(0.95)) return this.#encode(START);
    }
    if (chance.hits(0.002)) return chance.hits(0.2) ? [huge(chance)] : this.#damagedFrames();
    if (chance.hits(0.5)) return this.#encode(this.#valid());
    const broken = withBadField(chance, this.#valid());
    try {
      const frames = this.#encode(broken);
      if (frames.every((frame) => typeof frame === 'string' || frame instanceof Uint8Array)) return frames;
    } catch {
      // The codec cannot write it.
    }
    return [JSON.stringify(broken)];
  }

  #damagedFrames(): readonly Frame[] {
    return this.#encode(this.#valid()).map((frame) =>
      typeof frame === 'string'
        ? Buffer.from(damaged(this.#chance, Buffer.from(frame))).toString()
        : damaged(this.#chance, frame),
    );
  }

  #valid(): Message {
    const chance = this.#chance;
    const id = (): string => `id${chance.below(1_000)}`;
    const kinds: readonly (() => Message)[] = [
      () => this.#audio(),
      () => this.#audio(),
      () => ({ type: 'ping', ...(chance.hits(0.5) && { id: id() }) }),
      () => ({ type: 'mark', id: id() }),
      () => ({ type: 'finalize', ...(chance.hits(0.5) && { id: id() }) }),
      () => ({ type: 'configure', ...recognition(chance) }),
      () => ({ ...START, share: chance.hits(0.5), ...recognition(chance) }),
      () => ({ type: 'resume', token: id(), events: chance.below(100) }),
    ];
    // The end of a session is rare, so that conversations are long.
    return chance.hits(0.001) ? { type: 'stop' } : chance.of(kinds)();
  }

  /** Mostly where the last audio ended; else before, or behind a hole. */
  #audio(): Message {
    const chance = this.#chance;
    if (chance.hits(0.02)) this.#offset = Math.max(0, this.#offset + chance.below(4_000) - 2_000);
    const samples = chance.below(160);
    const offset = this.#offset;
    this.#offset += samples;
    const bytes = 2 * samples + (chance.hits(0.02) ? 1 : 0);
    return { type: 'audio', offset, data: chance.bytes(bytes) };
  }
}

function recognition(chance: Chance): Message {
  const all: Message = {
    language: chance.of(['en', 'zh-CN', 'English', 'auto', 'xx']),
    prompt: chance.text(60),
    hotwords: chance.some(5, () => `word${chance.below(9)}`),
    partialIntervalMs: 100 + chance.below(9_000),
    endpointing: { minSilenceMs: 96 + chance.below(3_000), threshold: 0.05 + 0.9 * chance.below(2) },
    words: chance.hits(0.5),
    polish: { mode: chance.of(['off', ...POLISH_MODES]), scope: chance.of(['segment', 'session', 'both']) },
  };
  return Object.fromEntries(Object.entries(all).filter(() => chance.hits(0.3)));
}

function huge(chance: Chance): Frame {
  const bytes = new Uint8Array(chance.of(HUGE_BYTES)).fill(chance.of([0x91, 0x90, 0x00, 0xc0]));
  return chance.hits(0.5) ? bytes : 'x'.repeat(chance.of([LIMITS.textCharsMax + 1, ...HUGE_BYTES]));
}

/** One frame of a viewer, who has nothing to say. */
export function viewerFrame(chance: Chance): Frame {
  return JSON.stringify(chance.hits(0.5) ? { type: 'ping' } : badValue(chance)) ?? '';
}
