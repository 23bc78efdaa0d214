// The sound tracks of an MP4 file: all but the one that is heard are taken out of its index.
import type { AudioFileWarning } from './audio-errors.js';
import { boxes, viewOf } from './mp4-boxes.js';
import { chooseTrack, type SoundTrack, type TrackWish } from './choose-track.js';

const HOLDERS = new Set(['trak', 'mdia']);
const SOUND = 0x736f756e;
/** Flag of a track header (ISO/IEC 14496-12, section 8.3.2): among alternatives it is the one to play. */
const ENABLED = 1;

interface Mp4Track extends SoundTrack {
  /** Of its box. */
  readonly at: number;
}

/** @param head with the whole index, as `checkedMp4` gives it; what it says of other sound tracks is made `free` */
export function onlyWantedTrack(
  head: Uint8Array,
  wish: TrackWish,
  warn: (warning: AudioFileWarning) => void,
): Uint8Array {
  const tracks = soundTracks(head);
  const chosen = chooseTrack(tracks, wish, warn);
  if (tracks.length < 2) return head;
  const cleared = head.slice();
  for (const [index, { at }] of tracks.entries()) if (index !== chosen) cleared.set(Buffer.from('free'), at + 4);
  return cleared;
}

function soundTracks(head: Uint8Array): Mp4Track[] {
  const view = viewOf(head);
  const tracks: Mp4Track[] = [];
  for (const moov of boxes(view, 0, view.byteLength)) {
    if (moov.type !== 'moov') continue;
    for (const { type, at, body, end } of boxes(view, moov.body, moov.end)) {
      if (type !== 'trak') continue;
      const facts = trackFacts(view, body, end);
      if (facts.handler === SOUND) tracks.push({ at, isDefault: facts.isEnabled, language: facts.language });
    }
  }
  return tracks;
}

function trackFacts(view: DataView, start: number, stop: number) {
  const facts = { handler: 0, isEnabled: false, language: '' };
  const walk = (from: number, to: number): void => {
    for (const { type, body, end } of boxes(view, from, to)) {
      const long = body < end && view.getUint8(body) === 1;
      if (HOLDERS.has(type)) walk(body, end);
      else if (type === 'tkhd' && body + 4 <= end) facts.isEnabled = (view.getUint8(body + 3) & ENABLED) !== 0;
      else if (type === 'hdlr' && body + 12 <= end) facts.handler = view.getUint32(body + 8);
      else if (type === 'mdhd' && body + (long ? 34 : 22) <= end) {
        facts.language = packedLanguage(view.getUint16(body + (long ? 32 : 20)));
      }
    }
  };
  walk(start, stop);
  return facts;
}

/** Three letters of five bits (section 8.4.2); empty for the numbers of old QuickTime. */
function packedLanguage(packed: number): string {
  const letters = [packed >> 10, packed >> 5, packed].map((letter) => letter & 31);
  return letters.every((letter) => letter >= 1 && letter <= 26)
    ? letters.map((letter) => String.fromCharCode(0x60 + letter)).join('')
    : '';
}
