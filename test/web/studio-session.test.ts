// The Studio over the length of a session: restarts, reloads and readers, in a real browser against a real server.
import { errorRate, scoreText } from '@sotto/models';
import t from 'tap';
import { launchChromium, microphoneFile, needsChromium } from '../support/chromium.js';
import { fixtureSamples } from '../support/fixtures.js';
import { violations } from '../support/page-accessibility.js';
import { ServerProcess } from '../support/server-process.js';
import { joined, silence } from '../support/speech.js';
import { buildPages, freePort, StudioPage, transcriptOf } from '../support/studio-page.js';
import { wholeRunOnly } from '../support/whole-run.js';

// Real time, a browser and servers: slow on a busy machine.
t.setTimeout(600_000);

const wordErrors = (reference: string, heard: string): number => errorRate(scoreText(reference, heard, 'en'));

t.test('the Studio', needsChromium, async (t) => {
  const suite = t;
  await buildPages();
  const SOTTO_PORT = freePort();
  let server = await ServerProcess.start(t, [], { SOTTO_PORT });
  const speech = joined(
    silence(3_000),
    await fixtureSamples('en-bakery'),
    silence(1_500),
    await fixtureSamples('en-long-office'),
    silence(2_000),
  );
  const reference = await transcriptOf(server.url, speech);
  const browser = await launchChromium({ microphone: await microphoneFile(speech) });
  const open = () => StudioPage.open(t, browser, server.http, { permissions: ['clipboard-read', 'clipboard-write'] });

  t.test('a server that is restarted in the middle of a word costs none', async (t) => {
    const studio = await open();
    await studio.start();
    await studio.settled.first().waitFor({ timeout: 60_000 });
    await studio.spoken.filter({ hasText: /\w+/ }).waitFor({ timeout: 60_000 });
    server.kill('SIGKILL');
    await studio.note(/Trying again/);
    server = await ServerProcess.start(suite, [], { SOTTO_PORT });
    await studio.note(/Continuing where it left off/, 60_000);
    await studio.saidAll(reference);
    await studio.stop();
    const heard = await studio.text();
    t.ok(wordErrors(reference, heard) <= 0.3, `page "${heard}", client "${reference}"`);
    const times = await studio.page.locator('.settled .time').allInnerTexts();
    t.same(times.toSorted(), times, 'times go on');
    t.equal((await studio.failure.innerText()).trim(), '');
  });

  t.test(
    'a reload in the middle of a word keeps the text, and the next press goes on behind it',
    wholeRunOnly,
    async (t) => {
      const studio = await open();
      await studio.start();
      await studio.settled.first().waitFor({ timeout: 60_000 });
      await studio.spoken.filter({ hasText: /\w+/ }).waitFor({ timeout: 60_000 });
      const before = await studio.text();
      await studio.page.reload();
      await studio.note(/Your words are still here/);
      const after = await studio.text();
      t.ok(after.startsWith(before) && after.length > before.length, `"${before}" and what was being said: "${after}"`);
      t.same(await violations(studio.page), [], 'accessible with news');
      const paragraphs = await studio.settled.count();
      await studio.start();
      await studio.settled.nth(paragraphs).waitFor({ timeout: 60_000 });
      await studio.stop();
      const times = await studio.page.locator('.settled .time').allInnerTexts();
      t.same(times.toSorted(), times, 'times go on');
      await studio.page.getByRole('button', { name: 'Clear' }).click();
      await studio.page.reload();
      await studio.button.waitFor();
      t.equal(await studio.settled.count(), 0, 'what was cleared stays away');
      t.same(studio.offences, []);
    },
  );

  t.test('shared while somebody speaks: others read along, late ones too, until it stops', wholeRunOnly, async (t) => {
    const studio = await open();
    const { page } = studio;
    await studio.start();
    await studio.settled.first().waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Share' }).click();
    await page.getByRole('switch').click();
    const link = page.getByLabel('To read along, on any screen', { exact: true });
    await link.waitFor({ timeout: 60_000 });
    t.same(await violations(page), [], 'accessible with its dialogue');
    await page.getByRole('button', { name: /^Copy link: To read along/ }).click();
    const address = await link.inputValue();
    t.equal(await page.evaluate('navigator.clipboard.readText()'), address);
    await page.keyboard.press('Escape');
    t.equal(await page.locator('dialog[open]').count(), 0);
    t.match(await studio.button.getAttribute('data-running'), 'true', 'Escape closed the dialogue and nothing else');

    await studio.settled.nth(1).waitFor({ timeout: 60_000 });
    const viewer = await page.context().newPage();
    await viewer.goto(address);
    await viewer.locator('.settled .paragraph, .spoken').first().waitFor({ timeout: 60_000 });
    t.match(await viewer.locator('.server').innerText(), /Live/);
    t.same(await violations(viewer), [], 'the reader’s page is accessible');
    const scale = () => viewer.evaluate(`parseFloat(getComputedStyle(document.querySelector('.transcript')).fontSize)`);
    const usual = Number(await scale());
    await viewer.getByRole('button', { name: 'Larger text' }).click();
    t.ok(Number(await scale()) > usual, 'the text grows');
    await page.bringToFront();
    await studio.stop();
    await viewer.getByText('The session is over.').waitFor({ timeout: 60_000 });
    const read = await viewer.locator('.settled .paragraph').allInnerTexts();
    const last = (await studio.text()).split(' ').slice(-3).join(' ');
    t.match(read.at(-1), last, 'to the last word');
    const stranger = await page.context().newPage();
    await stranger.goto(`${server.http}/watch#none`);
    await stranger.getByText('There is no such session').waitFor({ timeout: 60_000 });
  });
});
