// Sounds that fill a pause.

/** Sounds that mean nothing. Words that may mean something ("like", "well", "you know") stay: rules cannot tell. */
export const ENGLISH_FILLERS =
  /(?<![\p{L}\p{N}'’-])(?:u+h+m*|u+m+|e+rm*|h+m+|m{2,}|mhm|a+hm+|eh+m+)(?![\p{L}\p{N}'’-])[,.…]*/giu;
/** Sounds that mean nothing, alone or with the pause behind them. */
export const CHINESE_FILLERS = /(?:嗯|呃|額|额(?=[，,、。\s]|$)|唔|欸|诶(?=[，,]))+[，,、。…\s]*/gu;
