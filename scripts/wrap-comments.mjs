// Wraps comments that are wider than the code may be: the formatter leaves them alone. `--check`: says where, and
// changes nothing.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const WIDTH = 120;
/** Lines of a comment that begin something of their own: a tag, an entry of a list, a row of a table, code. */
const OWN = /^(?:@|[-*|>] |```|\d+\. | {2,})/;
/** What must stay on one line. */
const PIECE = /\{@\w+ [^}]*\}\S*|(?:[^\s`]*`[^`]*`)+[^\s`]*|\S+/g;

const isCheck = process.argv.includes('--check');
const names = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts', '*.tsx', '*.mjs'], {
  encoding: 'utf8',
});
let found = 0;
for (const name of new Set(names.split('\n'))) {
  if (name === '' || name.startsWith('models/train/')) continue;
  let text;
  try {
    text = readFileSync(name, 'utf8');
  } catch {
    continue; // Deleted, and not committed yet.
  }
  const wrapped = wrapFile(text);
  if (wrapped === text) continue;
  found++;
  if (isCheck) console.error(`${name}: comments wider than ${WIDTH} columns`);
  else writeFileSync(name, wrapped);
}
if (isCheck && found > 0) {
  console.error('npm run format wraps them.');
  process.exitCode = 1;
}

/** @param {string} text */
function wrapFile(text) {
  const lines = text.split('\n');
  const out = [];
  for (let at = 0; at < lines.length;) {
    const comment = commentAt(lines, at);
    if (comment === undefined) {
      out.push(lines[at++]);
      continue;
    }
    out.push(...(comment.isWide ? comment.wrap() : lines.slice(at, at + comment.length)));
    at += comment.length;
  }
  return out.join('\n');
}

/** The comment that begins on a line and has its lines to itself; undefined: none does. */
function commentAt(lines, at) {
  const line = lines[at];
  const indent = /^\s*/.exec(line)[0];
  const isWide = (length) => lines.slice(at, at + length).some((it) => it.length > WIDTH);
  if (line.startsWith(`${indent}//`)) {
    const others = lines.slice(at + 1).findIndex((it) => !it.startsWith(`${indent}// `));
    const length = others < 0 ? lines.length - at : others + 1;
    const texts = lines.slice(at, at + length).map((it) => it.slice(indent.length + 2).replace(/^ /, ''));
    return { length, isWide: isWide(length), wrap: () => paragraphs(texts, `${indent}// `) };
  }
  if (!line.startsWith(`${indent}/**`)) return undefined;
  let length = 1;
  while (!lines[at + length - 1].endsWith('*/')) {
    if (at + length >= lines.length) return undefined;
    length++;
  }
  const inner = lines
    .slice(at, at + length)
    .map((it, row) => (row === 0 ? it.slice(indent.length + 3) : it.replace(/^\s*\*(?!\/) ?/, '')));
  inner[length - 1] = inner[length - 1].replace(/\s*\*\/$/, '');
  const texts = inner.map((it, row) => (row === 0 ? it.trim() : it));
  while (texts[0] === '') texts.shift();
  while (texts.at(-1)?.trim() === '') texts.pop();
  const wrap = () => [`${indent}/**`, ...paragraphs(texts, `${indent} * `), `${indent} */`];
  return { length, isWide: isWide(length), wrap };
}

/** Lines of a comment, in paragraphs that are filled again where one of their lines is too wide. */
function paragraphs(texts, prefix) {
  const out = [];
  for (let at = 0; at < texts.length;) {
    let end = at + 1;
    if (texts[at] !== '') while (end < texts.length && texts[end] !== '' && !OWN.test(texts[end])) end++;
    const paragraph = texts.slice(at, end);
    const isWide = paragraph.some((text) => prefix.length + text.length > WIDTH);
    out.push(...(isWide ? fill(paragraph, prefix) : paragraph.map((text) => `${prefix}${text}`.trimEnd())));
    at = end;
  }
  return out;
}

function fill(paragraph, prefix) {
  const [first] = paragraph;
  // What belongs to an entry of a list stands below its text.
  const hang = first.startsWith('- ') ? '  ' : '';
  const out = [];
  let line = prefix + (/^ */.exec(first)?.[0] ?? '');
  let isEmpty = true;
  for (const piece of paragraph.join(' ').match(PIECE) ?? []) {
    if (!isEmpty && line.length + 1 + piece.length > WIDTH) {
      out.push(line);
      line = prefix + hang;
      isEmpty = true;
    }
    line += isEmpty ? piece : ` ${piece}`;
    isEmpty = false;
  }
  return [...out, line];
}
