// The Studio in a real browser, against a real server: a voice in, words on the page.
import { readFile } from 'node:fs/promises';
import { errorRate, scoreText } from '@sotto/models';
import t, { type Test } from 'tap';
import { launchChromium, microphoneFile, needsChromium } from '../support/chromium.js';
import { fixture, fixtureClip, fixtureSamples } from '../support/fixtures.js';
import { violations } from '../support/page-accessibility.js';
import { ServerProcess } from '../support/server-process.js';
import { joined, silence } from '../support/speech.js';
import { buildPages, StudioPage, transcriptOf } from '../support/studio-page.js';

// Real time, a browser and servers: slow on a busy machine.
t.setTimeout(600_000);

const wordErrors = (reference: string, heard: string): number => errorRate(scoreText(reference, heard, 'en'));

t.test('the Studio hears', needsChromium, async (t) => {
  await buildPages();
  const server = await ServerProcess.shared();
  const clip = fixtureClip('en-music');
  // The device plays it once, from when it is opened: a page on a busy machine takes a while until it listens.
  const speech = joined(silence(3_000), await fixtureSamples('en-music'), silence(2_500));
  const browser = await launchChromium({ microphone: await microphoneFile(speech) });
  const open = (t: Test, options = {}) => StudioPage.open(t, browser, server.http, options);

  t.test('the microphone: live words, settled words, word times, save and copy', async (t) => {
    const studio = await open(t, { permissions: ['microphone', 'clipboard-read', 'clipboard-write'] });
    const { page } = studio;
    // Keeps what the page opens, to see that it is let go.
    await page.evaluate(`(() => {
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) => (window.opened = await open(wanted));
    })()`);
    t.match(await page.locator('.server').innerText(), /whisper-base-adapted/);
    await studio.start();
    // From now on: the voice may be over when the first words of it are shown.
    const moved = page.locator('[role=meter][aria-valuenow]:not([aria-valuenow="-60"])').waitFor({ timeout: 60_000 });
    await page.locator('.spoken').filter({ hasText: /\w+/ }).waitFor({ timeout: 60_000 });
    t.match(await page.locator('.spoken').getAttribute('aria-live'), 'off', 'what may change is not read aloud');
    await t.resolves(moved, 'the meter moves');
    await studio.settled.first().waitFor({ timeout: 60_000 });
    t.match(await page.locator('.figures dd').first().innerText(), /^\d+ ms$|^\d\.\d s$/, 'latency');
    t.same(await violations(page), [], 'accessible while listening');
    await studio.stop();
    t.same(await page.evaluate(`opened.getTracks().map((track) => track.readyState)`), ['ended'], 'the device is free');

    const heard = await studio.text();
    const reference = await transcriptOf(server.url, speech);
    t.ok(wordErrors(reference, heard) <= 0.3, `page "${heard}", client "${reference}"`);
    t.ok(wordErrors(clip.text, heard) <= 0.5, `said "${clip.text}"`);

    await page.locator('.word').nth(1).hover();
    t.match(await page.locator('.word-time').innerText(), /^0:0\d\.\d\d – 0:0\d\.\d\d · \d+ % sure$/);

    await page.getByRole('button', { name: 'Copy' }).click();
    t.equal(await page.evaluate('navigator.clipboard.readText()'), heard);
    const formats = { TXT: /^\w/, SRT: /^1\n00:00:0\d,\d{3} --> /, VTT: /^WEBVTT\n\n00:00:0/, JSON: /"segments": \[/ };
    for (const [name, pattern] of Object.entries(formats)) {
      const download = page.waitForEvent('download');
      await page.getByRole('button', { name: `Save as ${name}` }).click();
      const file = await download;
      t.match(file.suggestedFilename(), new RegExp(`^sotto-[\\d-]+\\.${name.toLowerCase()}$`));
      const content = await readFile(await file.path(), 'utf8');
      t.match(content, pattern);
      t.match(content, heard.split(' ')[1], `${name} holds the words`);
    }
    t.same(await violations(page), [], 'accessible with text');
    await page.getByRole('button', { name: 'Clear' }).click();
    t.equal(await studio.settled.count(), 0);
    t.same(studio.offences, []);
  });

  t.test('a dropped file, and a chosen one behind it', async (t) => {
    const studio = await open(t);
    await studio.drop('music.flac', await readFile(fixture('en-music')));
    await studio.settled.first().waitFor({ timeout: 60_000 });
    await studio.idle();
    const heard = await studio.text();
    const reference = await transcriptOf(server.url, await fixtureSamples('en-music'));
    t.ok(wordErrors(reference, heard) <= 0.3, `page "${heard}", client "${reference}"`);

    await studio.page.locator('input[type=file]').setInputFiles(fixture('en-weather'));
    await studio.settled.nth(1).waitFor({ timeout: 60_000 });
    await studio.idle();
    const times = await studio.page.locator('.settled .time').allInnerTexts();
    t.same(times.toSorted(), times, 'times go on');
    t.not(times[1], '0:00');

    await studio.drop('notes.txt', Buffer.from('This is no audio.'));
    await studio.failsWith(/no sound that the browser can read/);
    t.equal((await studio.settled.count()) >= 2, true, 'the text stays');
    t.same(await violations(studio.page), [], 'accessible with a failure');
    t.same(studio.offences, []);
  });
});
