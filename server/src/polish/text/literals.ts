// Parts of a text that are written to the letter: addresses, paths, file names, versions, flags, commands and code.

/** A part of a text, by UTF-16 code units. */
export interface Literal {
  readonly from: number;
  readonly text: string;
}

/** Endings that make a name a file's, with Han before the full stop too. */
export const EXTENSIONS =
  'txt|md|pdf|docx?|xlsx?|pptx?|csv|tsv|json|ya?ml|toml|xml|html?|css|[cm]?[jt]sx?|vue|py|ipynb|rb|go|rs|java|kt|swift|cs?|cpp|cc|hpp?|' +
  'sh|bat|exe|dll|so|jar|sql|db|log|ini|conf|cfg|env|lock|zip|tar|gz|tgz|7z|rar|png|jpe?g|gif|svg|webp|mp[34]|wav|flac|ogg|opus|mov|mkv|' +
  'webm|srt|vtt|apk|iso|onnx|gguf';
/** Of names without a scheme or a path behind them; those that are words ("it", "is", "so") are left out. */
export const DOMAINS =
  'com|org|net|edu|gov|io|ai|dev|app|co|info|biz|tv|xyz|eu|uk|de|fr|es|nl|ch|pl|ru|cn|jp|kr|tw|hk|au|ca|br|mx|local|localhost';
/** Programs that are called by these names, and words that go on with a command. */
const PROGRAMS =
  'npm|npx|pnpm|yarn|git|pip3?|docker|kubectl|curl|wget|sudo|apt(?:-get)?|brew|cargo|ssh|scp|rsync|chmod|grep|ffmpeg|python3?|ls|cd|sotto';
const SUBCOMMANDS =
  'install|uninstall|run|test|start|build|init|add|commit|push|pull|clone|checkout|status|merge|rebase|update|upgrade|get|apply|exec|compose';
/** What no address has in it: spaces, quotes, brackets of the languages, Han. */
const STOP = '\\s<>"\'`\\p{Script=Han}\\u3000-\\u303f\\uff00-\\uffef«»“”‘’';
/** Nothing of a word before it; Han is none, as it has no spaces. */
const START = '(?<![A-Za-z0-9_@./\\\\-])';

const PATTERNS = [
  '`[^`\\n]{1,200}`',
  // Addresses.
  `${START}(?:https?|ftps?|wss?|rtsp|ssh|git|file)://[^${STOP}]+|${START}mailto:[^${STOP}]+`,
  `(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)+`,
  `${START}(?:[A-Za-z0-9-]+\\.)+(?:(?:${DOMAINS})(?![A-Za-z0-9-])(?::\\d+)?(?:[/?#][^${STOP}]*)?|[A-Za-z]{2,}(?::\\d+)?/[^${STOP}]+)`,
  `${START}localhost:\\d+[^${STOP}]*`,
  // Paths and names of files and packages.
  `${START}(?:~|\\.{1,2})?/[A-Za-z0-9._@-]+(?:/[A-Za-z0-9._@-]+)*/?|${START}[A-Za-z]:\\\\[^${STOP}]+`,
  `(?<![A-Za-z0-9_@])@[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.-]+)?|(?<![A-Za-z0-9_&])#[A-Za-z_][A-Za-z0-9_-]*`,
  `${START}(?:[A-Za-z0-9_@.-]+/)+[A-Za-z0-9_.-]+\\.(?:${EXTENSIONS})(?![A-Za-z0-9])`,
  `${START}[A-Za-z0-9_][A-Za-z0-9_.-]*\\.(?:${EXTENSIONS})(?![A-Za-z0-9])`,
  `(?<=[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}])\\.(?:${EXTENSIONS})(?![A-Za-z0-9])`,
  '(?<=^|\\s)\\.[a-z][A-Za-z0-9_-]+(?![A-Za-z0-9_])',
  // Versions and addresses of machines.
  `${START}v?\\d+(?:\\.\\d+){2,}(?::\\d+|[-+][A-Za-z0-9.]+)?|${START}v\\d+(?:\\.\\d+)*(?![A-Za-z0-9])`,
  // A command with its flags, a command with its word, and a flag alone.
  `${START}(?:${PROGRAMS})(?: [a-z0-9@./:=_-]+){0,6}? --?[A-Za-z][A-Za-z0-9-]*(?:=[^${STOP}]+)?(?: --?[A-Za-z][A-Za-z0-9-]*(?:=[^${STOP}]+)?)*`,
  `${START}(?:npm|npx|pnpm|yarn|git|pip3?|docker|kubectl|sudo|apt-get|brew|cargo) (?:${SUBCOMMANDS})(?![A-Za-z0-9-])`,
  `(?<![^\\s(\\[\\p{Script=Han}])--?[A-Za-z][A-Za-z0-9-]*(?:=[^${STOP}]+)?`,
  // Code: calls and places of lists, what is set or compared, names with underscores, of several parts, with a capital
  // within; variables; keys that are pressed together.
  `${START}[A-Za-z_][A-Za-z0-9_.]*(?:(?:\\([^()\\n]{0,80}\\)|\\[[^\\[\\]\\s]{1,40}\\])[A-Za-z0-9_.]*)+`,
  `${START}[A-Za-z_][A-Za-z0-9_.-]*(?:==?|!=|=>|->)[A-Za-z0-9_.-]+`,
  `${START}[A-Za-z0-9]*_[A-Za-z0-9_]+|${START}[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)+`,
  `(?<![\\p{L}\\p{N}_])[a-z]+[A-Z][A-Za-z0-9]*|\\$\\{?[A-Za-z_][A-Za-z0-9_]*\\}?`,
  `${START}[A-Za-z]+(?:\\+[A-Za-z0-9]+)+(?![A-Za-z0-9+])`,
];
const LITERAL = new RegExp(PATTERNS.join('|'), 'gu');
/** The literals of a text, in their order. */
export function literalsOf(text: string): Literal[] {
  return Array.from(text.matchAll(LITERAL), ({ 0: found, index }) => ({
    from: index,
    text: withoutMarks(found),
  })).filter((literal) => literal.text !== '');
}

/** Without the sentence's own marks behind it, and brackets that were opened before it. */
function withoutMarks(found: string): string {
  let open = found.split('(').length - found.split(')').length;
  let end = found.length;
  for (; end > 0; end--) {
    const last = found.charAt(end - 1);
    if (last === ')' && open < 0) open++;
    else if (!'.,;:!?…'.includes(last)) break;
  }
  return found.slice(0, end);
}

/** Letters without case that stand for literals: of Yi, 1,165 of them. */
const FIRST_MARK = 0xa000;
const MARKS_MAX = 1_165;
const LITERAL_MARK = /[\ua000-\ua48c]/u;

/** Whether a shielded text ends in a literal: a full stop would look like a part of it. */
export function endsInLiteral(shielded: string): boolean {
  return LITERAL_MARK.test(shielded.slice(-1));
}

/**
 * The text with a letter in place of each literal, so that rules for words pass it by, and how they are put back. A
 * text in Yi stays as it is, and so do literals beyond the first 1,165.
 */
export function shield(text: string): { readonly text: string; restore(worked: string): string } {
  const literals = LITERAL_MARK.test(text) ? [] : literalsOf(text).slice(0, MARKS_MAX);
  let shielded = '';
  let end = 0;
  for (const [index, literal] of literals.entries()) {
    shielded += text.slice(end, literal.from) + String.fromCharCode(FIRST_MARK + index);
    end = literal.from + literal.text.length;
  }
  return {
    text: shielded + text.slice(end),
    restore: (worked) =>
      literals.length === 0
        ? worked
        : worked.replaceAll(/[\ua000-\ua48c]/gu, (mark) => literals[mark.charCodeAt(0) - FIRST_MARK]?.text ?? mark),
  };
}
