// What a language model is told: the rules and the mode in the system's part, the text as data in the user's.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PolishRequest } from '../polisher.js';
import { isChinese } from '../text/language.js';

/** Beside the sources, also for the build, which has no folder of its own for files that are no code. */
const PROMPTS = fileURLToPath(new URL('../../../src/polish/prompts/', import.meta.url));
const DEFAULT_LANGUAGE = 'en';
/** Marks by which model families tell their own turns from text: written in a text, they must not end the user's. */
const TURN_MARKS = /<\|([^|<>]{0,40})\|>|<\/?(s|start_of_turn|end_of_turn|bos|eos)>|\[(\/?INST)\]/g;

export interface ChatMessage {
  readonly role: 'system' | 'user';
  readonly content: string;
}

/** The same for all texts of a mode, language and script: a model may keep what it made of it. */
export function systemPrompt({
  mode,
  instruction,
  language,
  script,
  paragraphs,
}: Omit<PolishRequest, 'text' | 'previous'>): string {
  const folder = folderOf(language);
  const task = filled(promptFile(folder, mode), { instruction: asData(instruction) });
  return filled(promptFile(folder, 'frame'), {
    task,
    script: script === undefined || !isChinese(language) ? '' : promptFile(folder, script),
    paragraphs: promptFile(folder, paragraphs ? 'paragraphs' : 'one-paragraph'),
  });
}

/** Where an answer is over: small models go on with the prompt's examples, whose next one begins so. */
export const STOP_TEXTS = ['\n<speech'] as const;

/** The text between tags that it does not contain itself. */
export function userPrompt({ text, previous }: Pick<PolishRequest, 'text' | 'previous'>): string {
  const [said, written] = [asData(text), asData(previous)];
  let mark = '';
  for (let count = 2; new RegExp(`</?(?:speech|before)${mark}>`, 'i').test(said + written); count++) mark = `-${count}`;
  const before = written === '' ? '' : `<before${mark}>\n${written}\n</before${mark}>\n\n`;
  return `${before}<speech${mark}>\n${said}\n</speech${mark}>`;
}

export function chatMessages(request: PolishRequest): ChatMessage[] {
  return [
    { role: 'system', content: systemPrompt(request) },
    { role: 'user', content: userPrompt(request) },
  ];
}

/**
 * Tokens that an answer may have: well beyond what the guards let pass, so that they judge it and not the limit. A
 * character of Chinese may take two.
 */
export function answerTokensMax({ text, mode }: Pick<PolishRequest, 'text' | 'mode'>): number {
  const factor = mode === 'detailed' || mode === 'custom' ? 4 : 2;
  return Math.min(8_192, 64 + factor * text.length);
}

function asData(text: string): string {
  return text.replaceAll(
    TURN_MARKS,
    (_, pipe: string | undefined, tag: string | undefined, bracket: string | undefined) => pipe ?? tag ?? bracket ?? '',
  );
}

/** In one pass: what is put in is not looked at again. */
function filled(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{\{(\w+)\}\}/g, (all, name: string) => values[name] ?? all);
}

const known = new Map<string, string>();

function folderOf(language: string): string {
  const code = isChinese(language) ? 'zh' : language;
  return /^[a-z]{2,3}$/.test(code) && existsSync(`${PROMPTS}${code}`) ? code : DEFAULT_LANGUAGE;
}

function promptFile(folder: string, name: string): string {
  const path = `${PROMPTS}${folder}/${name}.md`;
  let text = known.get(path);
  if (text === undefined) known.set(path, (text = readFileSync(path, 'utf8').trim()));
  return text;
}
