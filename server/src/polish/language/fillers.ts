// Sounds that fill a pause.

/** Sounds that mean nothing. Words that may mean something ("like", "well", "you know") stay: rules cannot tell. */
export const ENGLISH_FILLERS =
  /(?<![\p{L}\p{N}'’-])(?:u+h+m*|u+m+|e+rm*|h+m+|m{2,}|mhm|a+hm+|eh+m+)(?![\p{L}\p{N}'’-])[,.…]*/giu;
/** Sounds that mean nothing, alone or with the pause behind them. */
export const CHINESE_FILLERS = /(?:嗯|呃|額|额(?=[，,、。\s]|$)|唔|欸|诶(?=[，,]))+[，,、。…\s]*/gu;
/**
 * 那个 and 这个 with a pause on both sides, behind a sound or in mid-sentence. Elsewhere they may point at something, and
 * behind or before one of their own they count things up.
 */
export const CHINESE_PAUSE_WORDS =
  /(?<=[嗯呃額唔欸][，,、…\s]*|(?<![这這那][个個])[，,、])(?:[那这這][个個])[，,、…\s]+(?![那这這]|不?是|也|都|在|的|要|有)/gu;
