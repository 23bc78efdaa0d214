// The documents as pages at /guide, and the quickstart's commands as a newcomer types them.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Pages } from '../../server/src/api/status/pages.js';
import { launchChromium, needsChromium } from '../support/chromium.js';
import { httpRequest } from '../support/http-request.js';
import { violations } from '../support/page-accessibility.js';
import { runSotto } from '../support/run-command.js';
import { ServerProcess } from '../support/server-process.js';
import { buildPages } from '../support/studio-page.js';
import { wholeRunOnly } from '../support/whole-run.js';
import { startWholeServer } from '../support/whole-server.js';

t.setTimeout(300_000);

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

t.test('every link of the guide leads to a page that is there, and to a place in it', async (t) => {
  await buildPages();
  const pages = Pages.load();
  const guide = pages.paths.filter((path) => path === '/guide' || path.startsWith('/guide/'));
  t.ok(guide.length > 20, `${guide.length} pages`);
  const text = (path: string): string => String(pages.answer(httpRequest({ path }), path)?.body ?? '');
  for (const path of guide) {
    for (const [, href = ''] of text(path).matchAll(/href="(\.[^"]*|#[^"]*)"/g)) {
      const [target = '', anchor] = href.split('#');
      const page = target === '' ? path : new URL(target, `http://x${path}`).pathname;
      if (page === '/' || page === '/docs') continue;
      t.ok(pages.paths.includes(page), `${path}: ${href}`);
      if (anchor !== undefined) t.ok(text(page).includes(`id="${anchor}"`), `${path}: ${href}`);
    }
    t.notMatch(text(path), /<script|style=/, `${path}: text only`);
  }
});

t.test('it looks right to a reader with a screen reader, on a phone too', needsChromium, async (t) => {
  await buildPages();
  const { url } = await startWholeServer(t, { store: 'none' });
  const browser = await launchChromium();
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  t.teardown(() => page.close());
  for (const path of ['/guide', '/guide/quickstart.zh-cn', '/guide/settings', '/guide/gpu']) {
    await page.goto(url + path);
    t.strictSame(await violations(page), [], path);
    t.equal(await page.evaluate('document.documentElement.scrollWidth'), 390, `${path}: nothing sticks out`);
  }
});

t.test("the quickstart's commands do what it says, in both languages the same", wholeRunOnly, async (t) => {
  const commands = async (name: string): Promise<string[]> => {
    const blocks = (await readFile(`${ROOT}docs/${name}`, 'utf8')).matchAll(/```sh\n([\s\S]*?)```/g);
    return [...blocks].flatMap(([, block = '']) => block.trim().split('\n'));
  };
  const all = await commands('quickstart.md');
  t.strictSame(await commands('quickstart.zh-CN.md'), all);
  const server = await ServerProcess.shared();
  for (const command of all.filter((line) => line.startsWith('npx sotto'))) {
    const args = command
      .split(' ')
      .slice(2)
      .map((word) => word.replace(/^(?=test\/)/, ROOT));
    const wants = args[0] === 'transcribe' && !args.includes('--offline') ? ['--server', server.url] : [];
    const { code, stdout, stderr } = await runSotto([...args, ...wants]).result;
    t.equal(code, 0, `${command}: ${stderr}`);
    t.match(stdout, args[0] === 'transcribe' ? /flour/i : /\S/, command);
  }
  const curl = all.find((line) => line.startsWith('curl')) ?? '';
  const [, file = '', model = '', url = ''] =
    /-F file=@(\S+) -F model=(\S+) http:\/\/127\.0\.0\.1:8080(\S+)$/.exec(curl) ?? [];
  const form = new FormData();
  form.set('file', new Blob([Uint8Array.from(await readFile(ROOT + file))]), file);
  form.set('model', model);
  const answer = await fetch(server.http + url, { method: 'POST', body: form });
  t.match(await answer.text(), /flour/i);
});
