// The pages behind a proxy that serves them under a path of its own.
import t from 'tap';
import { launchChromium, needsChromium } from '../support/chromium.js';
import { openPathProxy } from '../support/path-proxy.js';
import { buildPages } from '../support/studio-page.js';
import { startWholeServer } from '../support/whole-server.js';

t.setTimeout(300_000);

/** Each page, and what it asks the server for by itself. */
const PAGES = [
  ['/'],
  ['/watch'],
  ['/overlay?sample=1'],
  ['/overlay/editor'],
  ['/capacity'],
  ['/dashboard', '/v1/panel?since=0'],
  ['/docs', '/openapi.json'],
  ['/guide'],
  ['/guide/gpu'],
] as const;

t.test('every page finds its parts, the server and the other pages', needsChromium, async (t) => {
  await buildPages();
  const server = await startWholeServer(t, { store: 'none' });
  const { url, strays } = await openPathProxy(t, server.url, '/deep/stt');
  const browser = await launchChromium();
  const page = await browser.newPage({ locale: 'en' });
  t.teardown(() => page.close());
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`${page.url()}: ${String(error)}`));
  page.on(
    'response',
    (response) => response.status() === 404 && problems.push(`${response.status()} ${response.url()}`),
  );
  for (const [path, asked] of PAGES) {
    const answered = asked === undefined ? undefined : page.waitForResponse(url + asked);
    await page.goto(url + path);
    await answered;
    const links = await page
      .locator('a[href]')
      .evaluateAll((all) => all.map((one) => String(Reflect.get(one, 'href'))));
    for (const link of links.filter((one) => new URL(one).origin === new URL(url).origin)) {
      t.ok(link.startsWith(`${url}/`), `${path}: ${link}`);
    }
  }
  t.strictSame([problems, strays], [[], []]);
});

t.test('the Studio reaches its stream', needsChromium, async (t) => {
  await buildPages();
  const server = await startWholeServer(t, { store: 'none' });
  const { url, strays } = await openPathProxy(t, server.url, '/stt');
  const browser = await launchChromium();
  const page = await browser.newPage({ locale: 'en' });
  t.teardown(() => page.close());
  const greeted = page.waitForEvent('websocket');
  await page.goto(`${url}/`);
  const socket = await greeted;
  t.equal(socket.url().replace(/\?.*/, ''), `${url.replace('http', 'ws')}/v1/stream`);
  await socket.waitForEvent('framereceived');
  t.strictSame(strays, []);
});

t.test('an address with a slash at its end leads to the page', async (t) => {
  const server = await startWholeServer(t, { store: 'none' });
  const { url } = await openPathProxy(t, server.url, '/stt');
  for (const [path, wanted] of [
    ['/dashboard/', '/dashboard'],
    ['/overlay/editor/?watch=a', '/overlay/editor?watch=a'],
    ['/guide/gpu//', '/guide/gpu'],
    ['/docs/', '/docs'],
  ] as const) {
    const answer = await fetch(url + path);
    t.same([answer.status, answer.url], [200, url + wanted], path);
  }
});
