// The caption overlay and its editor in a real browser, against a real server: own microphone, and another's session.
import { join } from 'node:path';
import { connect } from '@sotto/client';
import { errorRate, scoreText } from '@sotto/models';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { deferred } from '../../client-sdk/src/deferred.js';
import { launchChromium, microphoneFile, needsChromium } from '../support/chromium.js';
import { fixtureClip, fixtureSamples } from '../support/fixtures.js';
import { still, violations } from '../support/page-accessibility.js';
import { ServerProcess } from '../support/server-process.js';
import { joined, pcm16, silence } from '../support/speech.js';
import { buildPages } from '../support/studio-page.js';
import { wholeRunOnly } from '../support/whole-run.js';

// Real time, a browser and servers: slow on a busy machine.
t.setTimeout(600_000);

const screenshots = process.env['SOTTO_SCREENSHOTS'];

async function shoot(page: Page, name: string): Promise<void> {
  if (screenshots !== undefined) await page.screenshot({ path: join(screenshots, `${name}.png`) });
}

/** A session that is shared, on the real server. */
async function share(t: Test, server: ServerProcess) {
  const session = connect(server.url, {
    share: true,
    webSocket: (address, protocols) => new WebSocket(address, protocols),
  });
  t.teardown(() => session.close());
  const { watchToken = '' } = await session.ready();
  return { session, token: watchToken };
}

t.test('the overlay', needsChromium, async (t) => {
  await buildPages();
  const server = await ServerProcess.shared();
  const clip = fixtureClip('en-bakery');
  const speech = joined(silence(3_000), await fixtureSamples('en-bakery'), silence(2_500));
  const browser = await launchChromium({ microphone: await microphoneFile(speech) });
  const context = await browser.newContext({
    viewport: { width: 1_920, height: 1_080 },
    permissions: ['microphone', 'clipboard-read', 'clipboard-write'],
    locale: 'en',
  });
  t.teardown(() => context.close());
  const problems: string[] = [];
  const open = async (path: string): Promise<Page> => {
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    await page.goto(server.http + path);
    return page;
  };

  t.test('own microphone: words appear without a click, on nothing', async (t) => {
    const page = await open('/overlay?hide=0&lines=3&language=en');
    const text = page.locator('#captions p').first();
    await text.waitFor({ timeout: 60_000 });
    t.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgba(0, 0, 0, 0)');
    await page.locator('#captions p:not(:has(.tentative))').first().waitFor({ timeout: 60_000 });
    const heard = await page.locator('#captions p:not(:has(.tentative))').first().innerText();
    t.ok(errorRate(scoreText(clip.text, heard, 'en')) <= 0.6, `said "${clip.text}", shown "${heard}"`);
    t.ok(await page.locator('#note').isHidden());
    await page.evaluate(`document.documentElement.style.background = '#2f6fb0'`);
    await shoot(page, 'overlay-microphone');
    await page.close();
  });

  t.test('watching: the words of another, a late viewer, the end', async (t) => {
    const { session, token } = await share(t, server);
    const query = `watch=${token}&hide=0&size=64&background=000000b0&uppercase=1`;
    const early = await open(`/overlay?${query}`);
    session.send(pcm16(speech));
    const final = await new Promise<string>((resolve) => session.on('final', ({ text }) => resolve(text)));
    await early.getByText(final).waitFor({ timeout: 60_000 });
    const late = await open(`/overlay?${query}`);
    await late.getByText(final).waitFor({ timeout: 60_000 });
    t.equal(await late.evaluate(`getComputedStyle(document.querySelector('#captions')).textTransform`), 'uppercase');
    await late.evaluate(`document.documentElement.style.background = 'linear-gradient(#9cc4e4, #f2d6b3)'`);
    await shoot(late, 'overlay-watch');
    const vtt = await (await fetch(`${server.http}/v1/watch/${token}/captions.vtt`)).text();
    t.match(vtt.replaceAll('\n', ' '), final.split(' ').slice(0, 3).join(' '));
    await session.stop();
    await late.locator('#note').getByText('The session is over.').waitFor();
    await early.reload();
    await early.locator('#note').getByText('no such shared session').waitFor();
    await early.close();
    await late.close();
  });

  t.test('a viewer whose network fails comes back by itself', wholeRunOnly, async (t) => {
    const { session, token } = await share(t, server);
    const page = await context.newPage();
    const sockets: { close: () => Promise<void> }[] = [];
    const watching = deferred<void>();
    await page.routeWebSocket(/\/v1\/watch/, (socket) => {
      const server = socket.connectToServer();
      sockets.push(socket);
      server.onMessage((message) => {
        socket.send(message);
        watching.resolve();
      });
    });
    await page.goto(`${server.http}/overlay?watch=${token}&hide=0`);
    await watching.promise;
    await sockets[0]?.close();
    session.send(pcm16(speech));
    const final = await new Promise<string>((resolve) => session.on('final', ({ text }) => resolve(text)));
    await page.getByText(final).waitFor({ timeout: 60_000 });
    t.ok(sockets.length >= 2, 'with a second socket');
    await page.close();
  });

  t.test('the editor: builds the link, shows it at once, says all of it in Chinese too', async (t) => {
    const page = await open('/overlay/editor');
    const link = page.getByLabel('Link', { exact: true });
    t.equal(await link.inputValue(), `${server.http}/overlay`);
    await page.getByLabel('Size, px').fill('80');
    await page.getByLabel('Capital letters').check();
    await page.getByText('Top', { exact: true }).click();
    await page.getByText('Another session').click();
    await page.getByLabel('Link or watch token').fill(`${server.http}/watch#abc-DEF_123`);
    t.equal(await link.inputValue(), `${server.http}/overlay?watch=abc-DEF_123&size=80&position=top&uppercase=1`);
    t.match(await page.locator('.players').innerText(), `${server.http}/v1/watch/abc-DEF_123/captions.m3u8`);
    await page.getByRole('button', { name: 'Copy link' }).click();
    await page.getByText('Copied').waitFor();
    t.equal(await page.evaluate('navigator.clipboard.readText()'), await link.inputValue());
    const preview = page.frameLocator('iframe');
    await preview.locator('#captions[data-uppercase=true] .text').first().waitFor();
    await still(page);
    await shoot(page, 'editor-desktop');
    t.strictSame(await violations(page), []);
    await page.getByRole('button', { name: '中文' }).click();
    await page.getByRole('heading', { name: '字幕叠加层' }).waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await still(page);
    const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    t.equal(overflow, 0, 'nothing sticks out on a phone');
    await shoot(page, 'editor-phone-dark');
    if (screenshots !== undefined)
      await page.screenshot({ path: join(screenshots, 'editor-phone-full.png'), fullPage: true });
    t.strictSame(await violations(page), []);
    await page.close();
  });

  t.strictSame(problems, [], 'no page had an error');
});
