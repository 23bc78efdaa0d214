// MP4 files as they come, with the silence that their times tell of: a late start, and holes between samples.
import { AAC_FRAME } from './aac.js';
import { headerAt, viewOf } from './mp4-boxes.js';
import { fragmentTimes, trackTimes, UsualLength, type FragmentTimes, type Run, type TrackTimes } from './mp4-times.js';
import { HOLE_S_MIN, Silences } from './silences.js';
import type { BlockDecoder, DecodedBlock, StreamDecoder } from './stream-decoder.js';

const BOX_HEADER_BYTES = 8;

/**
 * Stands before a decoder that knows nothing of times. Where a file says nothing, or nothing sensible, it is decoded as
 * if all samples followed each other.
 */
export class Mp4Stream implements StreamDecoder {
  readonly #decoder: BlockDecoder;
  readonly #silences = new Silences();
  #held: Uint8Array = new Uint8Array(0);
  /** Bytes of a box that go on to the decoder as they are. */
  #passing = 0;
  #tracks: readonly TrackTimes[] = [];
  #clock: SoundClock | undefined;
  /** When the file begins: its first sample, of whichever track, seconds. */
  #originS: number | undefined;
  #decodedS = 0;
  /** Whether samples came since the last fragment was announced. */
  #hasSamples = false;

  constructor(decoder: BlockDecoder) {
    this.#decoder = decoder;
  }

  /** A box without a size goes to the end. */
  get isCutOff(): boolean {
    return (this.#passing > 0 && Number.isFinite(this.#passing)) || this.#held.length >= BOX_HEADER_BYTES;
  }

  async decode(bytes: Uint8Array): Promise<readonly DecodedBlock[]> {
    const out: DecodedBlock[] = [];
    const passed = bytes.subarray(0, Math.min(this.#passing, bytes.length));
    this.#passing -= passed.length;
    if (passed.length > 0) await this.#give(passed, out);
    const fresh = bytes.subarray(passed.length);
    if (fresh.length === 0) return out;
    this.#held = this.#held.length === 0 ? fresh : new Uint8Array(Buffer.concat([this.#held, fresh]));
    let at = 0;
    /**
     * From here on the decoder has nothing yet. Many small boxes go on in one piece: it may read all again with each.
     */
    let from = 0;
    for (;;) {
      const box = headerAt(viewOf(this.#held), at);
      if (box === undefined) break;
      const end = at + box.size;
      // Fragments mean nothing before an index.
      if (box.type === 'moov' || (box.type === 'moof' && this.#clock !== undefined)) {
        if (end > this.#held.length) break;
        // What was announced before is decoded first.
        if (at > from) await this.#give(this.#held.slice(from, at), out);
        this.#read(box.type, this.#held.slice(at, end));
        from = at;
      } else if (box.type === 'mdat') {
        this.#hasSamples = true;
      }
      at = Math.min(end, this.#held.length);
      this.#passing = end - at;
      if (this.#passing > 0) break;
    }
    if (at > from) await this.#give(this.#held.slice(from, at), out);
    this.#held = this.#held.slice(at);
    return out;
  }

  async flush(): Promise<readonly DecodedBlock[]> {
    const out: DecodedBlock[] = [];
    // Cut off within a box.
    if (this.#held.length > 0) await this.#give(this.#held, out);
    const last = await this.#decoder.flush?.();
    return last === undefined ? out : [...out, ...this.#silences.apply(last)];
  }

  free(): void {
    this.#decoder.free();
  }

  async #give(bytes: Uint8Array, out: DecodedBlock[]): Promise<void> {
    const decoded = await this.#decoder.decode(bytes);
    this.#decodedS += decoded.channelData.length === 0 ? 0 : (decoded.channelData[0]?.length ?? 0) / decoded.sampleRate;
    out.push(...this.#silences.apply(decoded));
  }

  #read(type: string, box: Uint8Array): void {
    if (type === 'moov') return this.#index(box);
    const parts = fragmentTimes(box, this.#tracks);
    this.#originS ??= this.#firstOf(parts);
    for (const part of parts) {
      if (part.trackId !== this.#clock?.track.id) continue;
      this.#clock.fragment(part, this.#decodedS, this.#originS, this.#hasSamples);
      this.#hasSamples = false;
    }
  }

  /** The first index, and the first sound track in it, are those that the decoder takes. */
  #index(box: Uint8Array): void {
    if (this.#tracks.length > 0) return;
    this.#tracks = trackTimes(box);
    const sound = this.#tracks.find(({ isSound }) => isSound);
    if (sound === undefined) return;
    const clock = new SoundClock(sound, this.#silences);
    // Where it lists samples, fragments are not read.
    if (sound.runs.length > 0) clock.whole();
    else this.#clock = clock;
  }

  #firstOf(parts: readonly FragmentTimes[]): number | undefined {
    const starts = parts.flatMap(({ trackId, startUnits }) => {
      const track = this.#tracks.find(({ id }) => id === trackId);
      return track === undefined || startUnits === undefined ? [] : [startUnits / track.scale];
    });
    return starts.length === 0 ? undefined : Math.min(...starts);
  }
}

/** Compares when samples of sound should come with what was decoded, and notes the silence between. */
class SoundClock {
  readonly track: TrackTimes;
  readonly #silences: Silences;
  readonly #usual: UsualLength;
  /** Where the samples so far end by their times, units. */
  #endUnits: number | undefined;
  #startUnits = 0;
  /** Of holes, without that of a late start. */
  #silenceS = 0;
  /** By how much what is decoded is behind when nothing is missing: decoders hold back, and leave out, something. */
  #heldBackS = Infinity;

  constructor(track: TrackTimes, silences: Silences) {
    this.track = track;
    this.#silences = silences;
    this.#usual = new UsualLength(track.scale);
  }

  /** Some writers give a sample the time of its neighbour: less than one is no hole. */
  get #holeSMin(): number {
    return HOLE_S_MIN + this.#usual.units / this.track.scale;
  }

  /** All samples, as the index of a file has them that is not fragmented. */
  whole(): void {
    const { runs, lateS, leftOutS } = this.track;
    this.#usual.learn(runs);
    const withheldS = this.#withheldS();
    this.#silence(0, lateS + withheldS);
    this.#samples(runs, -leftOutS - withheldS);
  }

  /** Of the sound that the edit list does not leave out, what the decoder does not give, at the beginning. */
  #withheldS(): number {
    const { isFirstWithheld, leftOutS, scale } = this.track;
    // The scale is the rate of the output: twice as many with spectral band replication. Of a fragment that holds one
    // sample before a hole, the length is no sample's.
    const units = this.#usual.units <= 2 * AAC_FRAME ? this.#usual.units : AAC_FRAME;
    return isFirstWithheld ? Math.max(0, units / scale - leftOutS) : 0;
  }

  /** Samples that come next. @param hasSamples whether those of the fragments before came */
  fragment({ startUnits, runs }: FragmentTimes, decodedS: number, originS = 0, hasSamples: boolean): void {
    const { scale, lateS } = this.track;
    const start = startUnits ?? this.#endUnits ?? 0;
    this.#usual.learn(runs);
    if (this.#endUnits === undefined) {
      // Of pieces that were cut out of a live stream: times go on from before.
      this.#silences.add(0, lateS + this.#withheldS() + Math.max(0, start / scale - originS));
      this.#startUnits = start;
    } else {
      const borderS = (start - this.#endUnits) / scale;
      if (borderS >= this.#holeSMin) this.#silence(decodedS, borderS);
      const behindS = (start - this.#startUnits) / scale - decodedS - this.#silenceS;
      if (hasSamples && decodedS > 0) this.#catchUp(behindS, decodedS);
    }
    this.#endUnits = start;
    this.#samples(runs, decodedS);
  }

  /** Holes that are small one by one, and what a decoder could not read. */
  #catchUp(behindS: number, decodedS: number): void {
    const usualS = this.#usual.units / this.track.scale;
    this.#heldBackS = Math.min(this.#heldBackS, behindS, this.track.leftOutS + HELD_BACK_MAX * usualS);
    const missingS = behindS - this.#heldBackS;
    if (missingS >= this.#holeSMin) this.#silence(decodedS, missingS);
  }

  #samples(runs: readonly Run[], decodedS: number): void {
    const { scale, isSteady } = this.track;
    let atS = decodedS;
    for (const [count, units] of runs) {
      this.#endUnits = (this.#endUnits ?? 0) + count * units;
      const holeS = isSteady ? (units - this.#usual.units) / scale : 0;
      if (holeS < this.#holeSMin) {
        atS += (count * units) / scale;
        continue;
      }
      for (let sample = 0; sample < count; sample++) {
        atS += this.#usual.units / scale;
        // More than are remembered: the file lies.
        if (!this.#silence(atS, holeS)) return;
      }
    }
  }

  #silence(atS: number, lengthS: number): boolean {
    const isTaken = this.#silences.add(Math.max(0, atS), lengthS);
    if (isTaken) this.#silenceS += lengthS;
    return isTaken;
  }
}

/** Samples that a decoder holds back, or leaves out at the beginning, at the most. */
const HELD_BACK_MAX = 2;
