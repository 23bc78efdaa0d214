// Languages as people write them, and as the model knows them: every door asks here.

import type { ChineseScript } from '../text/chinese-script.js';

/** What a tag asks for. */
export interface AskedLanguage {
  /** The model's code, or `auto`. */
  readonly code: string;
  /** Characters of Chinese text, where the tag says which. */
  readonly script: ChineseScript | undefined;
}

/** Facts of a model that decide which tags it understands. */
export interface LanguageModel {
  readonly name: string;
  readonly languages: readonly string[];
}

/** Why a tag cannot be honoured; doors of other services say it in their own words. */
export interface LanguageRefusal {
  readonly code: 'unsupported_language';
  readonly message: string;
}

/** Codes of ISO 639 that Whisper has under another: older, narrower and three-letter ones. */
const ALIASES: Readonly<Record<string, string>> = {
  iw: 'he',
  in: 'id',
  ji: 'yi',
  jv: 'jw',
  nb: 'no',
  nob: 'no',
  fil: 'tl',
  tgl: 'tl',
  cmn: 'zh',
  zho: 'zh',
  chi: 'zh',
  mo: 'ro',
  prs: 'fa',
  deu: 'de',
  ger: 'de',
  eng: 'en',
  fra: 'fr',
  fre: 'fr',
  spa: 'es',
  por: 'pt',
  ita: 'it',
  nld: 'nl',
  jpn: 'ja',
  kor: 'ko',
  rus: 'ru',
};
/** Names that are no English names of ISO codes, or of which `Intl` knows another. */
const NAMES: Readonly<Record<string, string>> = {
  mandarin: 'zh',
  cantonese: 'yue',
  castilian: 'es',
  flemish: 'nl',
  burmese: 'my',
  haitian: 'ht',
  letzeburgesch: 'lb',
  moldavian: 'ro',
  norwegian: 'no',
  panjabi: 'pa',
  pushto: 'ps',
  sinhalese: 'si',
  valencian: 'ca',
};
const TRADITIONAL = new Set(['hant', 'tw', 'hk', 'mo']);
const SIMPLIFIED = new Set(['hans', 'cn', 'sg', 'my']);

/**
 * `en-US`, `zh_TW`, `nb`, `English`, `auto` -> what the model is asked for; undefined where it does not know the
 * language.
 */
export function findLanguage(tag: string, known: readonly string[]): AskedLanguage | undefined {
  const written = tag.trim().toLowerCase();
  if (written === 'auto') return { code: 'auto', script: undefined };
  const [first = '', ...parts] = written.split(/[-_]/);
  const code = [first, ALIASES[first], codeOfName(written, known)].find(
    (one) => one !== undefined && known.includes(one),
  );
  if (code === undefined) return undefined;
  // Han characters in the script of the place, unless the script is named itself.
  const script = parts.find((part) => part === 'hant' || part === 'hans') ?? parts.find((part) => part.length === 2);
  const isChinese = code === 'zh' || code === 'yue';
  const wanted = !isChinese || script === undefined ? undefined : scriptOf(script);
  return { code, script: wanted };
}

/** The model's codes of some tags; none where they leave it open. */
export function languageCodes(tags: readonly string[], known: readonly string[]): string[] {
  const codes = tags.map((tag) => findLanguage(tag, known)?.code);
  if (codes.includes('auto')) return [];
  return [...new Set(codes.filter((code) => code !== undefined))];
}

/** Says what the model knows where a tag is not of it. */
export function refuseLanguage(tag: string, { name, languages }: LanguageModel): LanguageRefusal | undefined {
  if (findLanguage(tag, languages) !== undefined) return undefined;
  const message = `${name} does not know "${tag.slice(0, 32)}"; it knows ${languages.join(', ')}.`;
  return { code: 'unsupported_language', message };
}

function scriptOf(part: string): ChineseScript | undefined {
  if (TRADITIONAL.has(part)) return 'traditional';
  return SIMPLIFIED.has(part) ? 'simplified' : undefined;
}

function codeOfName(name: string, known: readonly string[]): string | undefined {
  if (name.length < 4 || !/^\p{L}+$/u.test(name)) return undefined;
  if (NAMES[name] !== undefined) return NAMES[name];
  const names = new Intl.DisplayNames('en', { type: 'language', fallback: 'none' });
  return known.find((code) => names.of(isoOf(code))?.toLowerCase() === name);
}

/** Whisper's code as ISO 639 has it now. */
function isoOf(code: string): string {
  return code === 'jw' ? 'jv' : code;
}
