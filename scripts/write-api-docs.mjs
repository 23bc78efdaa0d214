// Writes the reference of the client package, docs/client-api.md, from the docstrings in its declarations: npm run
// docs. With --check it only compares.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'client-sdk/dist');
const ENTRIES = [
  { name: '@sotto/client', file: 'index.d.ts' },
  { name: '@sotto/client/microphone', file: 'microphone/index.d.ts' },
];
const HEAD = `# The client, call by call

Generated from the docstrings of [\`client-sdk/src\`](../client-sdk/src): change them there, then \`npm run docs\`. How to use it is on the
[package's page](../client-sdk/README.md); the messages of the server, which are its events, are those of [the protocol](../protocol/README.md).
`;

/** The document. The packages must have been built. */
function apiDocs() {
  return `${HEAD}${ENTRIES.map(entrySection).join('')}`;
}

function entrySection({ name, file }) {
  const items = exportsOf(join(dist, file));
  const own = items.filter(({ node }) => node !== undefined);
  const foreign = items.filter(({ node }) => node === undefined).map((item) => `\`${item.name}\``);
  const more = foreign.length === 0 ? '' : `\nAlso exported, from the protocol: ${foreign.join(', ')}.\n`;
  const contents = own.map((item) => `[${item.name}](#${item.name.toLowerCase()})`).join(' · ');
  return `\n## ${name}\n\n${contents}\n${own.map(itemSection).join('')}${more}`;
}

/** What a module exports, in its order; names of other packages have no node. */
function exportsOf(file) {
  const source = readFileSync(file, 'utf8');
  const { program, comments } = parseSync(file, source, { lang: 'dts' });
  const module = { file, source, comments };
  return program.body.flatMap((statement) => {
    const from = statement.source?.value;
    if (statement.type === 'ExportAllDeclaration') return exportsOf(fileOf(file, from));
    if (statement.type !== 'ExportNamedDeclaration') return [];
    if (statement.declaration) return [declared(statement, module)];
    const names = statement.specifiers.map(({ local }) => local.name);
    if (!from?.startsWith('.')) return names.map((name) => ({ name }));
    const there = exportsOf(fileOf(file, from));
    return names.map((name) => there.find((item) => item.name === name) ?? { name });
  });
}

function fileOf(importer, from) {
  return join(dirname(importer), from.replace(/\.js$/, '.d.ts'));
}

function declared(statement, module) {
  const node = statement.declaration;
  const name = node.id?.name ?? node.declarations[0].id.name;
  return { name, node, statement, ...module };
}

function itemSection({ name, node, statement, file, source, comments }) {
  const doc = docBefore(statement.start, source, comments);
  const where = relative(dist, file).replace(/\.d\.ts$/, '.ts');
  const text = (part) => source.slice(part.start, part.end);
  const head = `\n### ${name}\n\n<sub>${where}</sub>\n`;
  const members =
    node.type === 'TSInterfaceDeclaration' || node.type === 'ClassDeclaration' ? node.body.body : undefined;
  if (members === undefined) return `${head}${code(withoutComments(text(node)))}${paragraph(doc)}`;
  const opening = source.slice(node.start, node.body.start).trim();
  const rows = members
    .map((member) => ({ member, doc: docBefore(member.start, source, comments) }))
    .filter((it) => isPublic(it.member) && !it.doc.includes('@internal'))
    .map((it) => `- \`${oneLine(withoutComments(text(it.member)))}\`${indented(it.doc)}\n`);
  return `${head}${code(opening)}${paragraph(doc)}\n${rows.join('')}`;
}

function isPublic(member) {
  return member.key?.type !== 'PrivateIdentifier' && member.accessibility !== 'private';
}

/** The text of the docstring that stands right before a place, its stars taken off; empty where there is none. */
function docBefore(start, source, comments) {
  const comment = comments.findLast(({ end }) => end <= start);
  const stands = comment?.value.startsWith('*') && source.slice(comment.end, start).trim() === '';
  if (!stands) return '';
  const lines = comment.value.slice(1).split('\n');
  return lines
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .trim();
}

function paragraph(doc) {
  const text = prose(doc);
  return text === '' ? '' : `\n${text}\n`;
}

function indented(doc) {
  const text = prose(doc).replaceAll(/\n(?=.)/g, '\n  ');
  return text === '' ? '' : `\n  ${text}`;
}

/** A docstring as Markdown. */
function prose(doc) {
  return doc
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .replaceAll(/@throws \{(\w+)\} ?/g, '\n**Throws** `$1`: ')
    .replaceAll(/^\n/g, '');
}

function code(text) {
  return `\n\`\`\`ts\n${text.replace(/^declare /, '').replace(/;$/, '')}\n\`\`\`\n`;
}

function oneLine(text) {
  return text.replaceAll(/\s+/g, ' ').replace(/;$/, '');
}

function withoutComments(text) {
  return text.replaceAll(/[ \t]*\/\*\*.*?\*\/\n?/gs, '');
}

execFileSync(process.execPath, ['node_modules/typescript/lib/tsc.js', '-b', 'protocol', 'client-sdk'], { cwd: root });
const target = join(root, 'docs/client-api.md');
if (!process.argv.includes('--check')) {
  writeFileSync(target, apiDocs());
} else if (readFileSync(target, 'utf8') !== apiDocs()) {
  console.error('docs/client-api.md is not what the docstrings say: npm run docs');
  process.exitCode = 1;
}
