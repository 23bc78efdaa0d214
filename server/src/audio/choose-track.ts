// Which of several sound tracks of a file is heard.
import { AudioFileError, type AudioFileWarning } from './audio-errors.js';

/** What was asked for. */
export interface TrackWish {
  /** A number, from 1, among the sound tracks; or a language of theirs. What is not there is refused. */
  readonly track?: string | undefined;
  /** What is spoken: a track in it is taken where there is one. */
  readonly language?: string | undefined;
}

/** As a wish may name one: a number, or a language tag. */
export const TRACK = /^([1-9]\d{0,2}|[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*)$/;

export interface SoundTrack {
  readonly isDefault: boolean;
  /** As the file says it; empty: it does not. */
  readonly language: string;
}

/**
 * The index of the track that is heard: the one that was asked for, else one in the language that was, else the first
 * that is flagged as default, else the first; -1 where there is none. Several: a warning says which. Throws
 * AudioFileError `no_track`.
 */
export function chooseTrack(
  tracks: readonly SoundTrack[],
  { track, language }: TrackWish,
  warn: (warning: AudioFileWarning) => void,
): number {
  const spoken = tracks.map((one) => primaryLanguage(one.language));
  if (track !== undefined) {
    const wanted = primaryLanguage(track);
    const at = /^\d+$/.test(track) ? Number(track) - 1 : wanted === '' ? -1 : indexOf(tracks, spoken, wanted);
    if (tracks[at] !== undefined) return at;
    throw new AudioFileError('no_track', `The file has no sound track "${track}". ${listed(tracks)}`);
  }
  const wanted = language === undefined ? '' : primaryLanguage(language);
  const inLanguage = wanted === '' ? -1 : indexOf(tracks, spoken, wanted);
  const byDefault = tracks.findIndex(({ isDefault }) => isDefault);
  const chosen = inLanguage >= 0 ? inLanguage : byDefault >= 0 ? byDefault : tracks.length === 0 ? -1 : 0;
  if (tracks.length > 1) {
    const message = `${listed(tracks)} Track ${chosen + 1} was heard; "track" chooses another, by number or language.`;
    warn({ code: 'several_tracks', message });
  }
  return chosen;
}

/** For files of one track that has no name and no language. @throws AudioFileError `no_track` */
export function checkOnlyTrack({ track }: TrackWish): void {
  if (track !== undefined && track !== '1') chooseTrack([{ isDefault: true, language: '' }], { track }, () => {});
}

/** The default one among several of a language. */
function indexOf(tracks: readonly SoundTrack[], spoken: readonly string[], wanted: string): number {
  const preferred = tracks.findIndex(({ isDefault }, at) => isDefault && spoken[at] === wanted);
  return preferred >= 0 ? preferred : spoken.indexOf(wanted);
}

function listed(tracks: readonly SoundTrack[]): string {
  const names = tracks.slice(0, 20).map(({ isDefault, language }, at) => {
    const facts = [primaryLanguage(language), isDefault ? 'default' : ''].filter((fact) => fact !== '');
    return facts.length === 0 ? `${at + 1}` : `${at + 1} (${facts.join(', ')})`;
  });
  if (tracks.length === 0) return 'It has no sound.';
  return `It has ${tracks.length} sound track${tracks.length === 1 ? '' : 's'}: ${names.join(', ')}.`;
}

/** `eng`, `en-US` and `en` are `en`, `ger` is `de`; empty: none, or nothing that is one. */
function primaryLanguage(tag: string): string {
  try {
    const [primary = ''] = (Intl.getCanonicalLocales(tag.replaceAll('_', '-'))[0] ?? '').split('-');
    return ['und', 'mul', 'zxx'].includes(primary) ? '' : primary;
  } catch {
    return '';
  }
}
