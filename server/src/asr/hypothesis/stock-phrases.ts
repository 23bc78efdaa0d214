// Phrases that Whisper learned from subtitles of films and videos and says where nobody speaks: thanks for watching,
// credits of subtitlers. They stay where the audio supports them.
import type { DecodedToken } from '../engine.js';
import type { EngineTokenizer } from '../tokenizer.js';

/**
 * What is left of a sentence when only its letters are kept: whole sentences, and beginnings of them. From reports of
 * users of openai/whisper, faster-whisper and whisper.cpp, and from "Careless Whisper" (Koenecke et al., 2024).
 */
const WHOLE = `
thank you for watching|thanks for watching|thank you so much for watching|thanks for watching and see you next time
thank you for watching this video|please subscribe|please subscribe to my channel|like and subscribe
dont forget to subscribe|see you in the next video|see you next time|thank you for listening|thanks for listening
vielen dank fürs zuschauen|danke fürs zuschauen|vielen dank für ihre aufmerksamkeit|bis zum nächsten mal
merci davoir regardé cette vidéo|merci davoir regardé|abonnezvous|noubliez pas de vous abonner|à la prochaine
gracias por ver el video|gracias por ver|suscríbete|no olvides suscribirte|hasta la próxima
obrigado por assistir|obrigada por assistir|inscrevase no canal|até a próxima|grazie per aver guardato il video
grazie per la visione|bedankt voor het kijken|tot de volgende keer|dziękuję za uwagę|dziękuję za obejrzenie
tack för att du har tittat|tack för att ni tittade|takk for at du så på|tak fordi du så med|kiitos katsomisesta
спасибо за просмотр|подписывайтесь на канал|продолжение следует|дякую за перегляд|izlediğiniz için teşekkür ederim
abone olmayı unutmayın|ご視聴ありがとうございました|ご清聴ありがとうございました|チャンネル登録をお願いします
시청해주셔서 감사합니다|구독과 좋아요 부탁드립니다|请不吝点赞|請不吝點贊|谢谢观看|謝謝觀看|谢谢大家观看|感谢观看|感謝觀看
感谢收看|感謝收看|多谢观看|请订阅|请不吝点赞订阅转发打赏支持明镜与点点栏目|請不吝點贊訂閱轉發打賞支持明鏡與點點欄目
cảm ơn các bạn đã theo dõi|hãy đăng ký kênh|terima kasih telah menonton|شكرا للمشاهدة|תודה על הצפייה
`;
const BEGINNINGS = `
subtitles by|subtitled by|captions by|captioned by|transcribed by|transcription by|translated by|subs by
untertitel von|untertitel der|untertitel im auftrag|untertitelung|copyright wdr|soustitres|soustitrage|soustitres réalisés
subtítulos por|subtítulos realizados|subtítulos de la comunidad|legendas pela|legendas por|legenda por|sottotitoli
sottotitoli creati|ondertiteling|ondertiteld door|napisy stworzone|napisy wykonane|undertexter|undertekster|tekstitys
субтитры|редактор субтитров|субтитри|altyazı|字幕by|字幕由|字幕志愿者|字幕製作|字幕制作|中文字幕|字幕提供|詞曲|请不吝点赞|請不吝點贊
請訂閱|자막 제공|자막제작|amaraorg
`;

const lettersOf = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}\p{M}]/gu, '');
const listOf = (phrases: string): string[] =>
  phrases
    .split(/[|\n]/)
    .map(lettersOf)
    .filter((phrase) => phrase !== '');

const WHOLE_PHRASES: ReadonlySet<string> = new Set(listOf(WHOLE));
const LONGEST_PHRASE = Math.max(...[...WHOLE_PHRASES].map(({ length }) => length));
/** By their first letter. */
const PHRASE_BEGINNINGS = new Map<string, string[]>();
for (const beginning of listOf(BEGINNINGS)) {
  PHRASE_BEGINNINGS.set(beginning.charAt(0), [...(PHRASE_BEGINNINGS.get(beginning.charAt(0)) ?? []), beginning]);
}

/** Attended frames, 20 ms each. */
const FRAME_SAMPLES = 320;
/**
 * What a letter takes at least when it is said fast; a Chinese character, a syllable of Japanese or Korean,
 * milliseconds.
 */
const LETTER_MS = 22;
const SYLLABLE_MS = 80;
const SYLLABLES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/gu;
/** A sound this much softer than the loud parts of its window is none of its words, dB. */
const SOFTER_DB = 30;
/** The last word sounds on behind the frame that it attends, frames. */
const LAST_WORD_FRAMES = 20;
/** Share of the least time that attention must move over, and that must sound. */
const MOVED_PART = 0.4;
const SOUNDING_PART = 0.7;
/** Words, or characters, among which a phrase is looked for. */
const PHRASE_WORDS_MAX = 40;
/** What opens a sentence. */
const OPENING = /^\s*[¡¿"'“‘«„「『（(-]+$/u;
/** Where a sentence ends. */
const SENTENCE_END = /[.!?…。！？]["'”’」』）)]*\s*$/u;

/** Tokens without such a phrase at their end which the audio does not support. @param audio of the window, if known */
export function withoutStockPhrase(
  tokens: readonly DecodedToken[],
  tokenizer: EngineTokenizer,
  language: string,
  audio?: Float32Array,
): readonly DecodedToken[] {
  let kept = tokens;
  // A credit may follow on thanks.
  for (let times = 0; times < 3; times += 1) {
    const start = stockPhraseAt(kept, tokenizer, language);
    if (start === undefined || isSupported(kept, start, tokenizer, audio)) break;
    kept = kept.slice(0, start);
  }
  return kept;
}

/** Index of the first token of the phrase that the tokens end with. */
function stockPhraseAt(
  tokens: readonly DecodedToken[],
  tokenizer: EngineTokenizer,
  language: string,
): number | undefined {
  const ids = tokens.map(({ id }) => id);
  const words = tokenizer.words(ids, language);
  let found: number | undefined;
  /** Of all words from one on. */
  let letters = '';
  for (let at = words.length - 1; at >= Math.max(0, words.length - PHRASE_WORDS_MAX); at -= 1) {
    const { text = '' } = words[at] ?? {};
    const own = lettersOf(text);
    letters = own + letters;
    // A mark in front belongs to what is before, but for those that open a sentence.
    if (own === '' && !OPENING.test(text)) continue;
    const before = words[at - 1];
    const isWhole = letters.length <= LONGEST_PHRASE && WHOLE_PHRASES.has(letters);
    const begins = before === undefined || text.startsWith(' ') || SENTENCE_END.test(before.text);
    if (isWhole || (begins && beginsPhrase(letters))) found = before?.past ?? 0;
  }
  return found;
}

function beginsPhrase(letters: string): boolean {
  return PHRASE_BEGINNINGS.get(letters.charAt(0))?.some((beginning) => letters.startsWith(beginning)) ?? false;
}

/** Whether attention moves over enough sound for a sentence from a token on. */
function isSupported(
  tokens: readonly DecodedToken[],
  start: number,
  tokenizer: EngineTokenizer,
  audio: Float32Array | undefined,
): boolean {
  const sentence = tokenizer.decode(tokens.slice(start).map(({ id }) => id));
  const frames = tokens.slice(start).map(({ frame }) => frame);
  const [first, last] = [Math.min(...frames), Math.max(...frames)];
  const before = tokens[start - 1]?.frame ?? -1;
  const neededFrames = leastMs(sentence) / 20;
  if (last - Math.max(first, before) < MOVED_PART * neededFrames) return false;
  return (
    audio === undefined || soundingFrames(audio, before + 1, last + LAST_WORD_FRAMES) >= SOUNDING_PART * neededFrames
  );
}

/** What a sentence takes at least, milliseconds. */
function leastMs(sentence: string): number {
  const letters = lettersOf(sentence);
  const syllables = letters.match(SYLLABLES)?.length ?? 0;
  return syllables * SYLLABLE_MS + (letters.length - syllables) * LETTER_MS;
}

/** Frames in [from, to) that are about as loud as the loud ones of the window. */
function soundingFrames(audio: Float32Array, from: number, to: number): number {
  const energies = Array.from({ length: Math.floor(audio.length / FRAME_SAMPLES) }, (_, frame) =>
    audio
      .subarray(frame * FRAME_SAMPLES, (frame + 1) * FRAME_SAMPLES)
      .reduce((sum, sample) => sum + sample * sample, 0),
  );
  const loud = energies.toSorted((a, b) => a - b)[Math.floor(0.9 * energies.length)] ?? 0;
  return energies.slice(Math.max(0, from), to).filter((energy) => energy > loud * 10 ** (-SOFTER_DB / 10)).length;
}
