// When the samples of an MP4 file sound: edit lists, tables of times, and fragments (ISO/IEC 14496-12).
import { boxes, typeAt, viewOf } from './mp4-boxes.js';
import { HOLE_S_MIN } from './silences.js';

const HOLDERS = new Set(['moov', 'trak', 'edts', 'mdia', 'minf', 'stbl', 'mvex']);
const SOUND = 'soun';
/** Codecs whose samples all last as long: one that lasts longer has a hole behind it. */
const STEADY = new Set(['mp4a', 'Opus', 'alac', '.mp3', 'samr', 'sawb', 'ac-3', 'ec-3']);
/** MPEG-4 AAC, and the three of MPEG-2. */
const AAC_OBJECTS = new Set([0x40, 0x66, 0x67, 0x68]);
/** In it iTunes and its kin write how much an encoder put before the first sample: the decoder leaves that out. */
const GAPLESS_NOTE = 'iTunSMPB';
/** Lengths of samples that are counted. */
const LENGTHS_MAX = 256;

/** How many samples last so long, in units of their track. */
export type Run = readonly [count: number, units: number];

export interface TrackTimes {
  readonly id: number;
  readonly isSound: boolean;
  /** Units of its clock in a second. */
  readonly scale: number;
  /** Of nothing before it, by its edit list, seconds. */
  readonly lateS: number;
  /** Of its sound that its edit list leaves out at the beginning, seconds. */
  readonly leftOutS: number;
  readonly isSteady: boolean;
  /**
   * Whether it is AAC, of which the decoder withholds the first sample, and no note of iTunes says how much to leave
   * out.
   */
  readonly isFirstWithheld: boolean;
  /** Those of the index; none in a fragmented file. */
  readonly runs: readonly Run[];
  /** Of a sample of a fragment that does not say, units. */
  readonly defaultUnits: number;
}

/** The tracks of an index. @param bytes of the whole box `moov` */
export function trackTimes(bytes: Uint8Array): TrackTimes[] {
  const view = viewOf(bytes);
  const tracks: Draft[] = [];
  const defaults = new Map<number, number>();
  let movieScale = 0;
  const walk = (start: number, stop: number): void => {
    for (const { type, body, end } of boxes(view, start, stop)) {
      const track = tracks.at(-1);
      const size = end - body;
      const isLong = size > 0 && view.getUint8(body) === 1;
      if (type === 'trak') tracks.push({ id: 0, handler: '', codec: '', isAac: false, scale: 0, runs: [], edits: {} });
      if (type === 'trak' || HOLDERS.has(type)) walk(body, end);
      else if (type === 'mvhd' && size >= 24) movieScale = view.getUint32(body + (isLong ? 20 : 12));
      else if (type === 'trex' && size >= 16) defaults.set(view.getUint32(body + 4), view.getUint32(body + 12));
      else if (track === undefined) continue;
      else if (type === 'tkhd' && size >= 24) track.id = view.getUint32(body + (isLong ? 20 : 12));
      else if (type === 'mdhd' && size >= 24) track.scale = view.getUint32(body + (isLong ? 20 : 12));
      else if (type === 'hdlr' && size >= 12) track.handler = typeAt(view, body + 8);
      else if (type === 'stsd' && size >= 16) {
        track.codec = typeAt(view, body + 12);
        track.isAac = isAac(bytes.subarray(body, end));
      } else if (type === 'stts' && size >= 8) track.runs = runsOf(view, body, end);
      else if (type === 'elst' && size >= 8) track.edits = editsOf(view, body, end);
    }
  };
  walk(0, view.byteLength);
  const hasGaplessNote = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(GAPLESS_NOTE, 0, 'latin1');
  return tracks
    .filter(({ scale }) => scale > 0)
    .map(({ id, handler, codec, isAac, scale, runs, edits }) => ({
      id,
      isSound: handler === SOUND,
      scale,
      lateS: movieScale === 0 ? 0 : (edits.empty ?? 0) / movieScale,
      leftOutS: (edits.mediaStart ?? 0) / scale,
      isSteady: STEADY.has(codec),
      isFirstWithheld: isAac && (edits.mediaStart !== undefined || !hasGaplessNote),
      runs,
      defaultUnits: defaults.get(id) ?? 0,
    }));
}

interface Draft {
  id: number;
  handler: string;
  codec: string;
  isAac: boolean;
  scale: number;
  runs: Run[];
  edits: Edits;
}

/** Of an edit list: empty edits before the first other one, in units of the movie; where that begins, of the track. */
interface Edits {
  readonly empty?: number;
  readonly mediaStart?: number;
}

/**
 * By the type of object in the description of samples (`mp4a` may also be MP3): ISO/IEC 14496-1, section 7.2.6.6, whose
 * descriptors have a tag and up to four bytes of length.
 */
function isAac(description: Uint8Array): boolean {
  const box = Buffer.from(description.buffer, description.byteOffset, description.length).indexOf('esds', 0, 'latin1');
  if (box < 0) return false;
  /** Where the contents of a descriptor begin; undefined where there is none of that tag. */
  const contents = (at: number, tag: number): number | undefined => {
    if (description[at] !== tag) return undefined;
    let past = at + 1;
    while (past < at + 4 && (description[past] ?? 0) >= 0x80) past++;
    return past + 1;
  };
  // Behind the box's name its version and flags; in the first descriptor the stream's number and flags.
  const stream = contents(box + 8, 0x03);
  const decoder = stream === undefined ? undefined : contents(stream + 3, 0x04);
  return decoder !== undefined && AAC_OBJECTS.has(description[decoder] ?? 0);
}

function editsOf(view: DataView, body: number, end: number): Edits {
  const isLong = view.getUint8(body) === 1;
  const entry = isLong ? 20 : 12;
  let empty = 0;
  for (let at = body + 8; at + entry <= end; at += entry) {
    const length = isLong ? Number(view.getBigUint64(at)) : view.getUint32(at);
    const mediaStart = isLong ? Number(view.getBigInt64(at + 8)) : view.getInt32(at + 4);
    if (mediaStart !== -1) return { empty, mediaStart: Math.max(0, mediaStart) };
    empty += length;
  }
  // Nothing but empty edits: no sound would ever come.
  return {};
}

function runsOf(view: DataView, body: number, end: number): Run[] {
  const runs: Run[] = [];
  for (let at = body + 8; at + 8 <= end; at += 8) runs.push([view.getUint32(at), view.getUint32(at + 4)]);
  return runs;
}

/** The part of a fragment that has samples of one track. */
export interface FragmentTimes {
  readonly trackId: number;
  /** When its first sample sounds, units; undefined where it does not say. */
  readonly startUnits: number | undefined;
  readonly runs: readonly Run[];
}

/** @param bytes of the whole box `moof`; sections 8.8.7, 8.8.8 and 8.8.12 */
export function fragmentTimes(bytes: Uint8Array, tracks: readonly TrackTimes[]): FragmentTimes[] {
  const view = viewOf(bytes);
  const parts: { trackId: number; startUnits: number | undefined; runs: Run[] }[] = [];
  let defaultUnits = 0;
  const walk = (start: number, stop: number): void => {
    for (const { type, body, end } of boxes(view, start, stop)) {
      const part = parts.at(-1);
      const size = end - body;
      if (type === 'traf') parts.push({ trackId: 0, startUnits: undefined, runs: [] });
      if (type === 'moof' || type === 'traf') walk(body, end);
      else if (part === undefined || size < 8) continue;
      else if (type === 'tfhd') {
        part.trackId = view.getUint32(body + 4);
        defaultUnits = defaultOf(view, body, end, tracks.find(({ id }) => id === part.trackId)?.defaultUnits ?? 0);
      } else if (type === 'tfdt') {
        const isLong = view.getUint8(body) === 1 && size >= 12;
        part.startUnits = isLong ? Number(view.getBigUint64(body + 4)) : view.getUint32(body + 4);
      } else if (type === 'trun') {
        for (const run of sampleRuns(view, body, end, defaultUnits)) part.runs.push(run);
      }
    }
  };
  walk(0, view.byteLength);
  return parts;
}

/** Of `tfhd`: flags say what it has before the length of a sample, and whether it has that. */
function defaultOf(view: DataView, body: number, end: number, otherwise: number): number {
  const flags = view.getUint32(body) & 0xffffff;
  const at = body + 8 + ((flags & 1) === 0 ? 0 : 8) + ((flags & 2) === 0 ? 0 : 4);
  return (flags & 8) !== 0 && at + 4 <= end ? view.getUint32(at) : otherwise;
}

function sampleRuns(view: DataView, body: number, end: number, defaultUnits: number): Run[] {
  const flags = view.getUint32(body) & 0xffffff;
  const count = view.getUint32(body + 4);
  if ((flags & 0x100) === 0) return [[count, defaultUnits]];
  const entry = 4 * [0x100, 0x200, 0x400, 0x800].filter((flag) => (flags & flag) !== 0).length;
  const first = body + 8 + ((flags & 1) === 0 ? 0 : 4) + ((flags & 4) === 0 ? 0 : 4);
  const runs: Run[] = [];
  for (let at = first; at + entry <= end && runs.length < count; at += entry) runs.push([1, view.getUint32(at)]);
  return runs;
}

/** How long the samples of a track last, holes behind them apart: what most of the short ones do. */
export class UsualLength {
  readonly #counts = new Map<number, number>();
  readonly #scale: number;
  /** Of the sample that came last. */
  #lastUnits = 0;
  units = 0;

  constructor(scale: number) {
    this.#scale = scale;
  }

  learn(runs: readonly Run[]): void {
    for (const [count, units] of runs) {
      if (count > 0) this.#lastUnits = units;
      if (units === 0 || (this.#counts.size >= LENGTHS_MAX && !this.#counts.has(units))) continue;
      this.#counts.set(units, (this.#counts.get(units) ?? 0) + count);
    }
    // The last sample of a file may be cut short, of ALAC by up to 93 ms: measured by it all others would have a hole.
    const isLast = (units: number, count: number): boolean => units === this.#lastUnits && count === 1;
    const lengths = [...this.#counts];
    const repeated = lengths.filter(([units, count]) => !isLast(units, count));
    const shortest = Math.min(...(repeated.length > 0 ? repeated : lengths).map(([units]) => units));
    // Jitter makes some longer and some shorter.
    const short = [...this.#counts].filter(([units]) => units - shortest < HOLE_S_MIN * this.#scale);
    this.units = short.toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? 0;
  }
}
