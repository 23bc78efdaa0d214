// Makes pages of the documents, for a server to show at /guide without any network: each document as HTML, with the
// list of all beside it. Links between documents become links between pages; links to files of the source become their
// names.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

/**
 * The documents by chapter; the first of all is the front page. Chinese ones stand beside those that they translate.
 */
const CHAPTERS = {
  Begin: ['docs/quickstart.md', 'docs/quickstart.zh-CN.md', 'README.md', 'README.zh-CN.md'],
  Use: [
    'docs/files.md',
    'docs/polish.md',
    'docs/watching.md',
    'docs/transcripts-and-jobs.md',
    'docs/compatibility.md',
    'client-sdk/README.md',
    'plugins/README.md',
    'docs/client-api.md',
    'docs/mobile.md',
    'protocol/README.md',
  ],
  Run: [
    'docs/models.md',
    'models/train/adapt/README.md',
    'docs/gpu.md',
    'docs/deployment.md',
    'docs/deployment.zh-CN.md',
    'docs/scaling.md',
    'docs/keys.md',
    'docs/panel.md',
    'docs/settings.md',
    'docs/troubleshooting.md',
    'SECURITY.md',
  ],
  Build: ['docs/architecture.md', 'CONTRIBUTING.md', 'docs/dependencies.md', 'bench/README.md', 'CHANGELOG.md'],
};
const DOCUMENTS = Object.values(CHAPTERS).flat();
/** In the list, where a document's own title says too little there. */
const TITLES = { 'README.md': 'Overview', 'README.zh-CN.md': '概览' };

/**
 * `docs/gpu.md` is at `guide/gpu`, `client-sdk/README.md` at `guide/client-sdk`, the first document at `guide`: all of
 * them from the root of the server, which may lie under a path of a proxy.
 */
function addressOf(document) {
  if (document === DOCUMENTS[0]) return 'guide';
  const name = document
    .replace(/^docs\//, '')
    .replace(/\.md$/, '')
    .replace(/\/README$/, '')
    .replaceAll('/', '-');
  return `guide/${name.toLowerCase()}`;
}

/**
 * Writes the pages.
 * @param root {string} the repository
 * @param target {string} folder of all pages
 * @returns {Promise<number>} how many there are; 0 where the library for it is not installed
 */
export async function buildGuide(root, target) {
  const library = await loadMarked();
  if (library === undefined) return 0;
  const titles = new Map(
    DOCUMENTS.map((document) => [document, TITLES[document] ?? titleOf(readFileSync(join(root, document), 'utf8'))]),
  );
  for (const document of DOCUMENTS) {
    const { Marked, gfmHeadingId } = library;
    const marked = new Marked(gfmHeadingId(), {
      renderer: {
        link({ href, tokens }) {
          const text = this.parser.parseInline(tokens);
          const address = linkOf(document, href);
          return address === undefined ? text : `<a href="${escapeHtml(address)}">${text}</a>`;
        },
        // Nothing of a document is a page's own markup.
        html: ({ text }) => (text.startsWith('<!--') ? '' : escapeHtml(text)),
      },
    });
    const body = marked.parse(readFileSync(join(root, document), 'utf8').replace(/^---\n[\s\S]*?\n---\n/, ''));
    const file = join(target, `${addressOf(document)}.html`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, page(document, titles, body));
  }
  writeFileSync(join(target, 'guide.css'), readFileSync(join(root, 'server/web/guide.css')));
  return DOCUMENTS.length;
}

async function loadMarked() {
  try {
    const [{ Marked }, { gfmHeadingId }] = await Promise.all([import('marked'), import('marked-gfm-heading-id')]);
    return { Marked, gfmHeadingId };
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

function titleOf(text) {
  return (/^# (.+)$/m.exec(text)?.[1] ?? '').replaceAll('`', '');
}

/** The root of the server, as a document's page names it. */
function rootFrom(document) {
  return addressOf(document).includes('/') ? '../' : './';
}

/** Where a link leads on the server; undefined where that is no page. */
function linkOf(document, href) {
  if (/^(?:https?:|mailto:|#)/.test(href)) return href;
  const [path = '', anchor] = href.split('#');
  const wanted = posix.normalize(posix.join(posix.dirname(document), path)).replace(/\/$/, '');
  const found = [wanted, `${wanted}/README.md`].find((name) => DOCUMENTS.includes(name));
  return found === undefined
    ? undefined
    : rootFrom(document) + addressOf(found) + (anchor === undefined ? '' : `#${anchor}`);
}

function page(document, titles, body) {
  const root = rootFrom(document);
  const list = Object.entries(CHAPTERS)
    .map(([chapter, documents]) => {
      const items = documents.map((one) => {
        const current = one === document ? ' aria-current="page"' : '';
        const lang = one.endsWith('.zh-CN.md') ? ' lang="zh-CN"' : '';
        return `<li><a href="${root}${addressOf(one)}"${current}${lang}>${escapeHtml(titles.get(one))}</a></li>`;
      });
      return `<h2>${chapter}</h2><ul>${items.join('')}</ul>`;
    })
    .join('');
  return `<!doctype html>
<html lang="${document.endsWith('.zh-CN.md') ? 'zh-CN' : 'en'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sotto: ${escapeHtml(titles.get(document))}</title>
<link rel="icon" href="${root}favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${root}guide.css">
</head>
<body>
<nav aria-label="Documents"><a class="wordmark" href="${root}">Sotto</a>${list}<p><a href="${root}docs">HTTP API</a></p></nav>
<main>
${body.replaceAll('<table>', '<div class="wide" tabindex="0" role="region" aria-label="Table"><table>').replaceAll('</table>', '</table></div>').replaceAll('<pre>', '<pre tabindex="0">')}
</main>
</body>
</html>
`;
}

function escapeHtml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
