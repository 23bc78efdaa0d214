// WebM and Matroska: the track that its author meant, and the times of its blocks (RFC 9559).
import { AAC_FRAME } from './aac.js';
import type { AudioFileWarning } from './audio-errors.js';
import { chooseTrack, type SoundTrack, type TrackWish } from './choose-track.js';
import { opusPacketS } from './opus-packet.js';
import { HOLE_S_MIN, Silences } from './silences.js';
import type { BlockDecoder, DecodedBlock, StreamDecoder } from './stream-decoder.js';

const ID = {
  segment: 0x18538067,
  info: 0x1549a966,
  scale: 0x2ad7b1,
  tracks: 0x1654ae6b,
  entry: 0xae,
  number: 0xd7,
  type: 0x83,
  isDefault: 0x88,
  codec: 0x86,
  language: 0x22b59c,
  languageTag: 0x22b59d,
  cluster: 0x1f43b675,
  time: 0xe7,
  group: 0xa0,
  block: 0xa1,
  simpleBlock: 0xa3,
  ebml: 0x1a45dfa3,
  delay: 0x56aa,
  audio: 0xe1,
  rate: 0xb5,
} as const;
const AUDIO = 2;
/** What a track is called that the decoder must not take: subtitles. */
const OTHER = 17;
/** Elements larger than this are no packets of sound, and no list of tracks, bytes. */
const ELEMENT_BYTES_MAX = 8_388_608;

interface Element {
  readonly id: number;
  readonly start: number;
  readonly body: number;
  /** Infinity: not known. */
  readonly end: number;
}

/**
 * Gives the decoder what it needs (the list of tracks, and the blocks of one), each block with its time: before a late
 * start and in holes goes silence. The track is as `chooseTrack` says.
 */
export class MatroskaStream implements StreamDecoder {
  readonly #decoder: BlockDecoder;
  readonly #silences = new Silences();
  #held: Uint8Array = new Uint8Array(0);
  #skip = 0;
  #scaleS = 1e-3;
  #clusterTime = 0;
  #track: { readonly number: number; readonly isOpus: boolean; readonly withheldS: number } | undefined;
  /** Of what the decoder was given: its length, where that is known, and the silence put in. */
  #packetsS = 0;
  #silenceS = 0;
  #lastS: number | undefined;
  #stepS = 0;
  #decodedS = 0;

  readonly #choose: (tracks: readonly SoundTrack[]) => number;

  constructor(decoder: BlockDecoder, wish: TrackWish, warn: (warning: AudioFileWarning) => void) {
    this.#decoder = decoder;
    this.#choose = (tracks) => chooseTrack(tracks, wish, warn);
  }

  get isCutOff(): boolean {
    return this.#held.length > 0 || this.#skip > 0;
  }

  async decode(bytes: Uint8Array): Promise<readonly DecodedBlock[]> {
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    const fresh = bytes.subarray(skipped);
    this.#held = this.#held.length === 0 ? fresh : new Uint8Array(Buffer.concat([this.#held, fresh]));
    const out: DecodedBlock[] = [];
    let at = 0;
    for (;;) {
      const element = elementAt(this.#held, at);
      if (element === undefined) break;
      const next = await this.#element(element, out);
      if (next === undefined) break;
      at = next;
    }
    this.#skip = Math.max(0, at - this.#held.length);
    this.#held = this.#held.slice(Math.min(at, this.#held.length));
    return joined(out);
  }

  async flush(): Promise<readonly DecodedBlock[]> {
    const last = await this.#decoder.flush?.();
    return last === undefined ? [] : this.#silences.apply(last);
  }

  free(): void {
    this.#decoder.free();
  }

  /** Where to go on; undefined: more bytes are wanted. */
  async #element({ id, start, body, end }: Element, out: DecodedBlock[]): Promise<number | undefined> {
    if (id === ID.segment || id === ID.cluster) {
      if (id === ID.segment) await this.#give(this.#held.slice(start, body), out);
      return body;
    }
    const isWanted = id === ID.ebml || id === ID.tracks || id === ID.info || id === ID.time;
    const isBlock = id === ID.simpleBlock || id === ID.group;
    if ((!isWanted && !isBlock) || end - start > ELEMENT_BYTES_MAX) return Number.isFinite(end) ? end : body;
    if (end > this.#held.length) return undefined;
    const whole = this.#held.slice(start, end);
    const content = whole.subarray(body - start);
    if (id === ID.info) this.#scaleS = (numberOf(child(content, ID.scale)) || 1e6) / 1e9;
    else if (id === ID.time) this.#clusterTime = numberOf(content);
    else if (id === ID.tracks) this.#chooseTrack(content);
    if (isBlock) {
      const block = id === ID.group ? child(content, ID.block) : content;
      if (block === undefined || !this.#place(block)) return end;
    }
    if (id !== ID.time && id !== ID.info) await this.#give(whole, out);
    return end;
  }

  async #give(bytes: Uint8Array, out: DecodedBlock[]): Promise<void> {
    const decoded = await this.#decoder.decode(bytes);
    this.#decodedS += decoded.channelData.length === 0 ? 0 : (decoded.channelData[0]?.length ?? 0) / decoded.sampleRate;
    out.push(...this.#silences.apply(decoded));
  }

  /** Marks the audio tracks that are not meant as something else, in place. */
  #chooseTrack(content: Uint8Array): void {
    const entries = [...childrenOf(content)].filter(({ id }) => id === ID.entry);
    const audio = entries
      .map(({ body, end }) => content.subarray(body, end))
      .filter((entry) => numberOf(child(entry, ID.type)) === AUDIO);
    const chosen = audio[this.#choose(audio.map(trackOf))];
    for (const entry of audio) if (entry !== chosen) child(entry, ID.type)?.fill(OTHER);
    if (chosen === undefined) return;
    const codec = Buffer.from(child(chosen, ID.codec) ?? []).toString('latin1');
    const withheldS = codec.startsWith('A_AAC') ? withheldOfAac(chosen) : 0;
    this.#track = { number: numberOf(child(chosen, ID.number)), isOpus: codec.startsWith('A_OPUS'), withheldS };
  }

  /** Notes the silence before a block; false for one of another track. */
  #place(block: Uint8Array): boolean {
    const track = vint(block, 0, true);
    if (track === undefined || track.value !== this.#track?.number) return false;
    const view = new DataView(block.buffer, block.byteOffset, block.length);
    if (block.length < track.length + 3) return false;
    const atS = (this.#clusterTime + view.getInt16(track.length)) * this.#scaleS;
    const isLaced = ((block[track.length + 2] ?? 0) & 6) !== 0;
    if (this.#track.isOpus && !isLaced) {
      // Exact: where we are is where all packets end.
      const holeS = atS - this.#packetsS - this.#silenceS;
      if (holeS >= HOLE_S_MIN) this.#silence(this.#packetsS - (this.#lastS === undefined ? 0 : PRE_SKIP_S), holeS);
      this.#packetsS += opusPacketS(block[track.length + 3], block[track.length + 4]);
    } else {
      // By the step from block to block.
      const stepS = atS - (this.#lastS ?? 0);
      const holeS = stepS - this.#stepS;
      if (this.#lastS === undefined) {
        this.#silence(0, this.#track.withheldS + (holeS >= HOLE_S_MIN ? holeS : 0));
      } else if (holeS >= HOLE_S_MIN && this.#stepS > 0) this.#silence(this.#decodedS, holeS);
      else if (stepS > 0) this.#stepS = stepS;
    }
    this.#lastS = atS;
    return true;
  }

  #silence(atS: number, lengthS: number): void {
    this.#silences.add(atS, lengthS);
    this.#silenceS += lengthS;
  }
}

/** What nearly every encoder of Opus puts before the first sample, seconds: the decoder takes it off. */
const PRE_SKIP_S = 0.0065;

/** Blocks without silence between them in one. */
function joined(blocks: readonly DecodedBlock[]): DecodedBlock[] {
  const groups: DecodedBlock[][] = [];
  for (const block of blocks) {
    const last = groups.at(-1);
    const first = last?.[0];
    const isSame = first?.sampleRate === block.sampleRate && first.channelData.length === block.channelData.length;
    if (last !== undefined && isSame && !block.silenceS) last.push(block);
    else groups.push([block]);
  }
  return groups.map((group) => {
    const [first] = group;
    if (first === undefined || group.length === 1) return first ?? { channelData: [], sampleRate: 0 };
    const channelData = first.channelData.map((_, channel) => {
      const all = new Float32Array(group.reduce((sum, { channelData: [any] }) => sum + (any?.length ?? 0), 0));
      let at = 0;
      for (const { channelData } of group) {
        const part = channelData[channel] ?? new Float32Array(0);
        all.set(part, at);
        at += part.length;
      }
      return all;
    });
    return { ...first, channelData };
  });
}

/** Of the first packet of AAC, which the decoder gives nothing for: what the container does not leave out, seconds. */
function withheldOfAac(entry: Uint8Array): number {
  const perSecond = floatOf(child(child(entry, ID.audio) ?? new Uint8Array(), ID.rate));
  if (!(perSecond >= 7_350 && perSecond <= 96_000)) return 0;
  return Math.max(0, AAC_FRAME / perSecond - numberOf(child(entry, ID.delay)) / 1e9);
}

/** A number of four or eight bytes (RFC 8794, section 7.3); 0 where it is absent. */
function floatOf(bytes: Uint8Array | undefined): number {
  const view = new DataView(bytes?.buffer ?? new ArrayBuffer(0), bytes?.byteOffset, bytes?.length);
  if (view.byteLength === 8) return view.getFloat64(0);
  return view.byteLength === 4 ? view.getFloat32(0) : 0;
}

/** Where its flag or its language is absent, it is a default track, and English (RFC 9559, section 5.1.4.1). */
function trackOf(entry: Uint8Array): SoundTrack {
  const language = child(entry, ID.languageTag) ?? child(entry, ID.language);
  return {
    isDefault: numberOf(child(entry, ID.isDefault) ?? Uint8Array.of(1)) === 1,
    language: language === undefined ? 'eng' : Buffer.from(language).toString('latin1').replace(/\0.*$/s, ''),
  };
}

/** The element of which the header is whole. */
function elementAt(bytes: Uint8Array, at: number): Element | undefined {
  const id = vint(bytes, at, false);
  if (id === undefined) return undefined;
  const size = vint(bytes, at + id.length, true);
  if (size === undefined) return undefined;
  const body = at + id.length + size.length;
  return { id: id.value, start: at, body, end: body + size.value };
}

/** A number of variable length (RFC 8794, section 4); `isSize`: without its marker, Infinity for "not known". */
function vint(bytes: Uint8Array, at: number, isSize: boolean): { value: number; length: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const length = Math.clz32(first) - 23;
  // No number: one byte on, to find the next.
  if (length > 8) return { value: 0, length: 1 };
  if (at + length > bytes.length) return undefined;
  let value = isSize ? first & (255 >> length) : first;
  let isUnknown = value === 255 >> length;
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index] ?? 0;
    isUnknown &&= byte === 255;
    value = value * 256 + byte;
  }
  return { value: isSize && isUnknown ? Infinity : value, length };
}

function* childrenOf(content: Uint8Array): Generator<Element> {
  for (let at = 0; at < content.length;) {
    const element = elementAt(content, at);
    if (element === undefined || element.end > content.length) return;
    yield element;
    at = element.end;
  }
}

function child(content: Uint8Array, id: number): Uint8Array | undefined {
  for (const element of childrenOf(content)) if (element.id === id) return content.subarray(element.body, element.end);
  return undefined;
}

/** An unsigned number; 0 for nothing. */
function numberOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : bytes.subarray(0, 8).reduce((sum, byte) => sum * 256 + byte, 0);
}
