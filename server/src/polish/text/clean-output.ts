// What a model wrote, without what it wrote around it.

/** Control characters but line breaks. */
const CONTROLS = /[^\P{Cc}\n]/gu;
/** Reasoning that some models show before their answer. */
const THINKING = /^\s*<think>[\s\S]*?<\/think>\s*/;
/** The tags of our own prompt, which some models repeat. */
const TAGS = /^\s*<speech[\w-]*>\s*|\s*<\/speech[\w-]*>\s*$/g;
const PREAMBLE =
  /^(?:(?:sure|certainly|of course|okay|here(?: is|['’]s| are))\b[^\n:]{0,80}:\s*\n+|(?:polished|corrected|cleaned|revised|edited)(?: text| version| transcript)?:\s*|(?:以下是|好的|当然|當然)[^\n：:]{0,40}[：:]\s*\n*|(?:润色|修改|整理|潤色)后?後?的?(?:文本|文字|版本|内容|內容)[：:]\s*)/iu;
const QUOTES: readonly (readonly [string, string])[] = [
  ['"', '"'],
  ['“', '”'],
  ['「', '」'],
  ['『', '』'],
];

/** The text alone: no reasoning, tags, preamble, or quotation marks around all of it that `raw` has not. */
export function cleanOutput(output: string, raw: string): string {
  let text = output.replaceAll(CONTROLS, '').replace(THINKING, '').replaceAll(TAGS, '').trim();
  if (!PREAMBLE.test(raw)) text = text.replace(PREAMBLE, '').trim();
  for (const [open, close] of QUOTES) {
    const isQuoted = text.length > 1 && text.startsWith(open) && text.endsWith(close);
    if (isQuoted && !raw.trimStart().startsWith(open) && !text.slice(1, -1).includes(open))
      text = text.slice(1, -1).trim();
  }
  return text;
}
