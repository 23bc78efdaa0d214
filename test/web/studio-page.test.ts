// The Studio's page itself in a real browser: languages, colours, keys, phones, failures and choices, where no words
// are needed or they are scripted.
import type { PolishOffer, ServerMessage } from '@sotto/protocol';
import t, { type Test } from 'tap';
import { launchChromium, needsChromium } from '../support/chromium.js';
import { violations } from '../support/page-accessibility.js';
import { scriptStream, type ScriptedStream } from '../support/scripted-stream.js';
import { NO_WORDS, ServerProcess } from '../support/server-process.js';
import { final } from '../support/speech-messages.js';
import { buildPages, StudioPage } from '../support/studio-page.js';
import { until } from '../support/until.js';
import { READY } from '../support/wire-server.js';
import { sampled, wholeRunOnly } from '../support/whole-run.js';

// Real time, a browser and servers: slow on a busy machine.
t.setTimeout(600_000);

t.test('the Studio without a recogniser', needsChromium, async (t) => {
  await buildPages();
  const server = await ServerProcess.start(t, [...NO_WORDS, '--allowed-hosts', 'sotto.test']);
  const browser = await launchChromium();
  // Closed with its own test: a page that listens draws as long as it is open.
  const open = (t: Test, options = {}) => StudioPage.open(t, browser, server.http, options);

  t.test('speaks the language of the browser, and the other one when asked', async (t) => {
    const studio = await open(t, { locale: 'zh-CN' });
    const { page } = studio;
    t.match(await page.locator('main').innerText(), /按下按钮，开始说话。/);
    t.equal(await page.locator('html').getAttribute('lang'), 'zh-CN');
    await page.getByRole('button', { name: 'Switch to English' }).click();
    t.match(await page.locator('main').innerText(), /Press the button and talk/);
    await page.reload();
    await studio.button.waitFor();
    t.match(await page.locator('main').innerText(), /Press the button and talk/, 'and remembers it');
    t.equal(await page.locator('html').getAttribute('lang'), 'en');
    t.same(studio.offences, []);
  });

  t.test('follows the colours of the system, and the person', async (t) => {
    const studio = await open(t, { colorScheme: 'dark' });
    const { page } = studio;
    const isDark = async (): Promise<boolean> => {
      const colour: string = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      return colour.match(/\d+/g)?.every((part) => Number(part) < 60) === true;
    };
    t.equal(await isDark(), true);
    t.same(await violations(page), [], 'accessible in the dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.locator('html[data-theme=light]').waitFor();
    t.equal(await isDark(), false);
    t.same(await violations(page), [], 'accessible in the light');
    await page.getByRole('button', { name: 'Dark colours' }).click();
    await page.locator('html[data-theme=dark]').waitFor();
    t.equal(await isDark(), true);
    await page.reload();
    await page.locator('html[data-theme=dark]').waitFor();
    t.equal(await isDark(), true, 'and remembers it');
  });

  t.test('works by keyboard', async (t) => {
    const studio = await open(t);
    const { page } = studio;
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    await page.keyboard.press('Escape');
    await studio.idle();
    for (let presses = 0; presses < 10 && !(await studio.button.evaluate((it) => it.matches(':focus'))); presses++) {
      await page.keyboard.press('Tab');
    }
    t.not(await studio.button.evaluate('(it) => getComputedStyle(it).outlineStyle'), 'none', 'focus is visible');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    await page.keyboard.press('Space');
    await studio.idle();
    t.same(studio.offences, []);
  });

  t.test('fits a phone', async (t) => {
    for (const width of [390, 320]) {
      const { page } = await open(t, { viewport: { width, height: 700 }, hasTouch: true, isMobile: true });
      t.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= width, `${width} pixels wide`);
      const small = await page
        .locator('button:visible, select:visible')
        .evaluateAll((controls) => controls.filter((control) => control.clientHeight < 24).length);
      t.equal(small, 0, 'controls can be hit');
    }
  });

  t.test('says when the microphone is refused or absent', async (t) => {
    const cases = [
      { options: { isAllowed: false }, words: /The microphone is blocked/ },
      { options: { hasMicrophone: false }, words: /No microphone was found/ },
    ];
    // Each wants a browser of its own: the quick run has one of them.
    for (const { options, words } of sampled(cases, 1)) {
      const studio = await StudioPage.open(t, await launchChromium(options), server.http);
      await studio.button.click();
      await studio.failsWith(words);
      await studio.idle();
      await studio.page.getByRole('button', { name: 'Dismiss' }).click();
      t.equal((await studio.failure.innerText()).trim(), '');
    }
  });

  t.test('says that the microphone is not to be had from an address that is not safe', wholeRunOnly, async (t) => {
    const remote = await launchChromium({ arguments: ['--host-resolver-rules=MAP sotto.test 127.0.0.1'] });
    const studio = await StudioPage.open(t, remote, server.http.replace('127.0.0.1', 'sotto.test'));
    await studio.button.click();
    await studio.failsWith(/only to pages on https:\/\/ or localhost/);
  });

  t.test('offers the languages of the model', async (t) => {
    const started: unknown[] = [];
    const { page } = await open(t);
    await scriptStream(page, (message, stream) => {
      if (message.type !== 'start') return;
      started.push(message.language);
      stream.send({ ...READY, languages: ['en', 'zh', 'de'] });
    });
    await page.reload();
    await page.getByLabel('Language').selectOption({ label: 'German' });
    await page.locator('.talk-button').click();
    await t.resolves(until(() => started.includes('de'), 'a start in German'));
  });

  t.test(
    'text is copied where the browser refuses its clipboard, and by hand where it refuses everything',
    async (t) => {
      const studio = await open(t, { permissions: ['microphone', 'clipboard-read'] });
      const { page } = studio;
      await scriptStream(page, ({ type }, stream) => {
        if (type === 'start') stream.send(READY, final(0, 'See you on Tuesday.'), final(1, 'Or not.'));
      });
      await page.evaluate(`navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))`);
      await studio.start();
      await studio.settled.filter({ hasText: 'Or not.' }).waitFor();
      const copied = page.getByRole('button', { name: 'Copied' });
      await page.getByRole('button', { name: 'Copy' }).click();
      await copied.waitFor();
      t.equal(await page.evaluate('navigator.clipboard.readText()'), 'See you on Tuesday. Or not.');
      await copied.waitFor({ state: 'detached' });

      await page.evaluate(`document.execCommand = () => false`);
      await page.getByRole('button', { name: 'Copy' }).click();
      const field = page.getByLabel('The browser did not let the page copy.');
      await field.waitFor();
      // It is there a moment before its text is selected.
      await page.waitForFunction('getSelection().toString() !== ""');
      t.equal(await page.evaluate('getSelection().toString()'), 'See you on Tuesday. Or not.', 'all is selected');
      t.same(await violations(page), []);
      await page.keyboard.press('ControlOrMeta+c');
      await copied.waitFor();
      t.equal(await field.count(), 0);
      t.equal(await page.evaluate('navigator.clipboard.readText()'), 'See you on Tuesday. Or not.');
      t.same(studio.offences, []);
    },
  );

  t.test('polished text takes the place of what was said, which is one click away', async (t) => {
    const said = { ...final(0, 'um see you on tuesday'), words: [{ text: 'um', startMs: 0, endMs: 9, confidence: 1 }] };
    const polished: ServerMessage = {
      type: 'polished',
      scope: 'segment',
      segmentId: 0,
      text: 'See you on Tuesday.',
      mode: 'formal',
      model: 'scripted',
      latencyMs: 5,
    };
    const asked: unknown[] = [];
    const studio = await open(t, { permissions: ['microphone', 'clipboard-read', 'clipboard-write'] });
    const { page } = studio;
    const polish: PolishOffer = { available: true, models: ['scripted'], modes: ['standard', 'formal', 'custom'] };
    await scriptStream(page, (message, stream) => {
      if (message.type === 'start') {
        asked.push(message.polish);
        stream.send({ ...READY, polish });
        if (message.polish !== undefined) stream.send(said, polished);
      }
      if (message.type === 'configure') asked.push(message.polish);
    });
    await page.reload();
    await page.getByLabel('Polish').selectOption({ label: 'Formal' });
    await studio.start();
    await page.locator('.polished').filter({ hasText: 'See you on Tuesday.' }).waitFor();
    t.same(asked.at(-1), { mode: 'formal' });
    t.same(await violations(page), [], 'accessible when polished');
    await page.getByRole('button', { name: 'Copy' }).click();
    t.equal(await page.evaluate('navigator.clipboard.readText()'), 'See you on Tuesday.');
    const turn = page.locator('.turn');
    await turn.click();
    t.match(await studio.settled.innerText(), 'um see you on tuesday');
    t.equal(await page.locator('.word').innerText(), 'um', 'with the times of its words');
    await page.getByRole('button', { name: 'Copied' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Copy' }).click();
    t.equal(await page.evaluate('navigator.clipboard.readText()'), 'um see you on tuesday', 'what is seen is copied');
    await turn.click();
    t.match(await studio.settled.innerText(), 'See you on Tuesday.');

    await page.getByLabel('Polish').selectOption({ label: 'As instructed' });
    await page.getByLabel('What to do with the text').fill('as a telegram');
    await page.keyboard.press('Tab');
    await t.resolves(until(() => asked.length >= 4, 'both changes'));
    t.same(asked.slice(-2), [{ mode: 'off' }, { mode: 'custom', instruction: 'as a telegram' }]);
    await page.reload();
    await page.locator('.polished').waitFor();
    t.equal(await page.getByLabel('Polish').inputValue(), 'custom', 'the choice is remembered');
    t.same(studio.offences, []);
  });

  t.test('polish that takes its time does not hold up the next stream', wholeRunOnly, async (t) => {
    const studio = await open(t);
    const { page } = studio;
    let polish: (() => void) | undefined;
    await scriptStream(page, (message, stream) => {
      if (message.type === 'start') {
        const offer: PolishOffer = { available: true, models: ['slow'], modes: ['standard'] };
        stream.send({ ...READY, polish: offer });
        if (message.polish !== undefined) stream.send(final(0, 'um hello'));
      }
      if (message.type === 'mark') stream.send({ type: 'mark', id: message.id, offset: 0 });
      if (message.type !== 'stop') return;
      const facts = { scope: 'segment', segmentId: 0, mode: 'standard', model: 'slow', latencyMs: 9_000 } as const;
      polish ??= () => {
        stream.send({ type: 'polished', text: 'Hello.', ...facts });
        stream.send({ type: 'stopped', reason: 'stop', audioMs: 0, speechMs: 0, segments: 1, words: 2 });
        stream.close(1000);
      };
    });
    await page.reload();
    await studio.start();
    await studio.settled.first().waitFor();
    await studio.stop();
    t.equal(polish === undefined, false);
    await studio.start();
    await studio.settled.nth(1).waitFor();
    polish?.();
    await page.locator('.polished').filter({ hasText: 'Hello.' }).waitFor();
    t.equal(await page.locator('.polished').count(), 1);
    t.equal(await studio.button.getAttribute('data-running'), 'true', 'the next stream goes on');
    t.equal((await studio.failure.innerText()).trim(), '');
  });

  t.test('says when the server is gone, gives up when asked to, and finds it again', async (t) => {
    const studio = await open(t);
    const { page } = studio;
    let isGone = false;
    let running: ScriptedStream | undefined;
    await scriptStream(page, (message, stream) => {
      if (isGone) return stream.close(1011);
      running = stream;
      if (message.type === 'start') stream.send({ ...READY, resumeToken: 'secret', resumeWindowMs: 30_000 });
      if (message.type === 'mark') stream.send({ type: 'mark', id: message.id, offset: 0 });
      if (message.type !== 'stop') return;
      stream.send({ type: 'stopped', reason: 'stop', audioMs: 0, speechMs: 0, segments: 0, words: 0 });
      stream.close(1000);
    });
    await page.reload();
    await studio.start();
    await studio.isHeard();
    isGone = true;
    running?.close(1011);
    await studio.note(/The connection is lost. Trying again/);
    t.match(await page.locator('.server').innerText(), /not reachable/);
    await studio.button.click();
    await studio.note(/press the button to end/);
    await studio.button.click();
    await studio.idle();
    t.equal((await studio.failure.innerText()).trim(), '', 'what was asked for is no failure');
    await studio.button.click();
    await studio.failsWith(/does not answer/);
    isGone = false;
    await page.locator('.server[data-state=ready]').waitFor({ timeout: 60_000 });
    await studio.start();
    await studio.stop();
    t.equal((await studio.failure.innerText()).trim(), '');
  });

  t.test('says so where the server shares nothing, and goes on without', async (t) => {
    const studio = await open(t);
    const { page } = studio;
    await scriptStream(page, (message, stream) => {
      if (message.type !== 'start') return;
      if (message.share !== true) return stream.send(READY);
      stream.send({ type: 'error', code: 'unsupported_option', message: 'None.', retryable: false, fatal: true });
      stream.close(4400);
    });
    await page.reload();
    await page.getByRole('button', { name: 'Share' }).click();
    await page.getByRole('switch').click();
    await page.keyboard.press('Escape');
    await studio.button.click();
    await studio.failsWith(/does not let sessions be shared/);
    await studio.idle();
    await studio.start();
    t.equal((await studio.failure.innerText()).trim(), '');
  });
});
