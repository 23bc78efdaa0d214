// Pages of a server that demands a key, in a real browser: they ask for it, keep it for the tab, and use it.
import t, { type Test } from 'tap';
import type { Browser, Page } from 'playwright-core';
import { KeyRing } from '../../server/src/access/key-ring.js';
import { LmdbStore } from '../../server/src/store/lmdb/lmdb-store.js';
import { launchChromium, needsChromium } from '../support/chromium.js';
import { violations } from '../support/page-accessibility.js';
import { testFolder } from '../support/test-folder.js';
import { startWholeServer } from '../support/whole-server.js';
import { buildPages, StudioPage } from '../support/studio-page.js';

t.setTimeout(300_000);

async function open(t: Test): Promise<{ http: string; key: string; browser: Browser }> {
  await buildPages();
  const dataDir = testFolder(t);
  const store = await LmdbStore.open(dataDir);
  const { text: key } = await (await KeyRing.open(store)).create({ name: 'page', scopes: ['stream', 'watch'] });
  await store.close();
  const { url: http } = await startWholeServer(t, { dataDir });
  return { http, key, browser: await launchChromium() };
}

/** What a page says to be in its storage, and whether it holds the key. */
const stored = (page: Page, storage: 'sessionStorage' | 'localStorage', key: string): Promise<boolean> =>
  page.evaluate(`JSON.stringify({ ...${storage} }).includes('${key}')`);

t.test(
  'the Studio asks for a key, says that one is wrong, and keeps the right one for its tab',
  needsChromium,
  async (t) => {
    const { http, key, browser } = await open(t);
    const studio = await StudioPage.open(t, browser, http);
    const { page } = studio;
    const prompt = page.locator('.key-prompt');
    await prompt.filter({ hasText: 'This server requires a key' }).waitFor();
    t.equal(await page.locator('.server').innerText(), 'A key is needed');
    t.same(await violations(page), [], 'accessible');
    const enter = async (text: string): Promise<void> => {
      await page.getByLabel('Key or token').fill(text);
      await page.getByRole('button', { name: 'Use it' }).click();
    };
    await enter('wrong key');
    await prompt.filter({ hasText: 'was not accepted' }).waitFor();
    await enter('sotto_0000000000_wrong');
    await prompt.filter({ hasText: 'was not accepted' }).waitFor();
    await enter(` ${key} `);
    await page.locator('.server').filter({ hasText: 'Model null' }).waitFor();
    t.equal(await prompt.count(), 0);
    t.ok(await stored(page, 'sessionStorage', key));
    t.notOk(await stored(page, 'localStorage', key), 'not beyond the tab');
    t.notOk(page.url().includes(key));
    await studio.start();
    await studio.isHeard();
    await studio.stop();

    await page.reload();
    await page.locator('.server').filter({ hasText: 'Model null' }).waitFor();
    const other = await StudioPage.open(t, browser, http, { locale: 'zh-CN' });
    await other.page.locator('.key-prompt').filter({ hasText: '密钥' }).waitFor();
    t.same([...studio.offences, ...other.offences], []);
  },
);

t.test('an overlay takes its token from its address', needsChromium, async (t) => {
  const { http, key, browser } = await open(t);
  const made = await fetch(`${http}/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ scopes: ['stream'] }),
  });
  const { token } = (await made.json()) as { token: string };
  const context = await browser.newContext({ permissions: ['microphone'] });
  t.teardown(() => context.close());
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  await page.goto(`${http}/overlay`);
  await page.locator('#note').filter({ hasText: '?token=' }).waitFor();
  const greeted = page
    .waitForEvent('websocket')
    .then((socket) =>
      socket.waitForEvent('framereceived', { predicate: ({ payload }) => String(payload).includes('sessionId') }),
    );
  await page.goto(`${http}/overlay?token=${token}`);
  await greeted;
  t.ok(await page.locator('#note').isHidden());
});
