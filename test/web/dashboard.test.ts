// The operator's panel in a real browser, with a live session, and who may see it.
import { mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@sotto/client';
import t from 'tap';
import { WebSocket } from 'ws';
import { launchChromium, needsChromium } from '../support/chromium.js';
import { fixtureSamples, tinyWhisperFolder } from '../support/fixtures.js';
import { violations } from '../support/page-accessibility.js';
import { runSotto } from '../support/run-command.js';
import { NO_WORDS, ServerProcess } from '../support/server-process.js';
import { joined, silence } from '../support/speech.js';
import { buildPages } from '../support/studio-page.js';

t.setTimeout(300_000);

const screenshots = process.env['SOTTO_SCREENSHOTS'];

function stream(server: ServerProcess, token?: string) {
  return connect(server.url, {
    language: 'en',
    ...(token === undefined ? {} : { token }),
    webSocket: (address, protocols) => new WebSocket(address, protocols),
  });
}

t.test('who speaks now, the last hour, ending a session; in both languages', needsChromium, async (t) => {
  await buildPages();
  const models = await mkdtemp(join(tmpdir(), 'sotto-models-'));
  for (const name of ['tiny', 'other']) await symlink(tinyWhisperFolder, join(models, name));
  const flags = ['--panel-words', 'true', '--models', models, '--model', 'tiny', '--fallback-budget-ms', '0'];
  const server = await ServerProcess.start(t, flags);
  const session = stream(server);
  t.teardown(() => session.close());
  const { sessionId } = await session.ready();
  session.send(joined(await fixtureSamples('en-recipe'), silence(2_500)));

  const browser = await launchChromium();
  const page = await browser.newPage({ locale: 'en', colorScheme: 'light' });
  t.teardown(() => page.close());
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(`${server.http}/dashboard`);
  const row = page.locator(`[data-session="${sessionId}"]`);
  await row.getByText('English').waitFor();
  t.ok(((await row.locator('.words').textContent()) ?? '').length > 10, 'its last words');
  t.equal(await page.locator('.chart').count(), 16);
  await page.locator('.chart canvas').first().waitFor();
  t.match(await page.locator('.facts').textContent(), /tiny \(Sotto/);
  t.strictSame(await violations(page), []);
  if (screenshots !== undefined) await page.screenshot({ path: join(screenshots, 'panel-desk.png'), fullPage: true });

  const controls = page.locator('.controls');
  await controls.getByRole('button', { name: 'Take no new streams' }).click();
  await page.locator('.server').getByText('takes no new streams').waitFor();
  t.equal((await fetch(`${server.http}/ready`)).status, 503);
  await controls.getByRole('button', { name: 'Take new streams again' }).click();
  await page.locator('.server').getByText('ready').waitFor();
  await controls.getByRole('combobox').selectOption('other');
  await controls.getByRole('button', { name: 'Use this model' }).click();
  await page.locator('.facts').getByText('other (Sotto').waitFor();
  t.equal(await row.count(), 1, 'the session goes on');

  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByRole('button', { name: '中文' }).click();
  t.match(await page.title(), /监控面板/);
  t.strictSame(await violations(page), []);
  t.equal(await page.evaluate('document.documentElement.scrollWidth'), 390, 'nothing sticks out on a phone');
  if (screenshots !== undefined) await page.screenshot({ path: join(screenshots, 'panel-phone.png'), fullPage: true });

  await row.getByRole('button').click();
  t.match(await session.closed, { closeCode: 1000 }, 'for good: its client does not come back');
  await row.waitFor({ state: 'detached' });
  t.equal((await fetch(`${server.http}/v1/panel/sessions/${sessionId}`, { method: 'DELETE' })).status, 404);
  t.strictSame(problems, []);
});

t.test('with keys: for admins only; on a public address without keys: for nobody', async (t) => {
  await buildPages();
  const folder = await mkdtemp(join(tmpdir(), 'sotto-panel-'));
  const create = async (scopes: string): Promise<string> => {
    const made = runSotto(['keys', 'create', '--scopes', scopes, '--data-dir', folder]);
    return (await made.result).stdout.trim();
  };
  const [admin, other] = [await create('admin'), await create('stream')];
  const server = await ServerProcess.start(t, [...NO_WORDS, '--vad', 'null'], {
    SOTTO_STORE: 'lmdb',
    SOTTO_DATA_DIR: folder,
  });
  const status = async (key?: string): Promise<number> => {
    const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
    return (await fetch(`${server.http}/v1/panel`, { headers })).status;
  };
  t.same([await status(), await status(other), await status(admin)], [401, 403, 200]);
  const session = stream(server, other);
  t.teardown(() => session.close());
  await session.ready();
  const told = await fetch(`${server.http}/v1/panel`, { headers: { authorization: `Bearer ${admin}` } });
  const { sessions, sessionCount } = (await told.json()) as {
    sessions: Record<string, unknown>[];
    sessionCount: number;
  };
  t.equal(sessionCount, 1);
  t.notOk('words' in (sessions[0] ?? {}), 'words only where the operator allowed it');

  await t.test('an admin makes a key with settings of its own, and revokes it', needsChromium, async (t) => {
    const page = await (await launchChromium()).newPage({ locale: 'en' });
    t.teardown(() => page.close());
    page.setDefaultTimeout(60_000);
    await page.goto(`${server.http}/dashboard`);
    await page.getByLabel('Key', { exact: true }).fill(admin);
    await page.getByRole('button', { name: 'Use it' }).click();
    const form = page.locator('form.ask').filter({ has: page.getByRole('button', { name: 'Make a key' }) });
    await form.getByLabel('Name', { exact: true }).fill('clinic');
    await form.getByLabel('watch').uncheck();
    for (const hidden of ['cards', 'names', 'swear words']) await form.getByLabel(hidden, { exact: true }).check();
    await form.getByLabel('Names, with commas between').fill('Ann Lee, Bo ,');
    await form.getByRole('button', { name: 'Make a key' }).click();
    const made = await form.getByRole('alert').locator('code').innerText();
    t.strictSame(await violations(page), []);
    const row = page.locator('tr').filter({ hasText: 'clinic' });
    t.match(await row.innerText(), /stream, files\s+\[card\] \[names\]/);

    const listed = await fetch(`${server.http}/v1/keys`, { headers: { authorization: `Bearer ${admin}` } });
    const { keys } = (await listed.json()) as { keys: { name: string }[] };
    t.match(
      keys.find(({ name }) => name === 'clinic'),
      {
        scopes: ['stream', 'files'],
        settings: { redact: ['card', 'names'], redactNames: ['Ann Lee', 'Bo'], profanity: 'mask' },
      },
    );
    const own = stream(server, made);
    t.teardown(() => own.close());
    await own.ready();
    await row.getByRole('button', { name: 'Revoke' }).click();
    await row.getByText('revoked').waitFor();
    await t.rejects(stream(server, made).ready(), 'it opens nothing any more');
  });

  const flags = [...NO_WORDS, '--vad', 'null', '--host', '0.0.0.0', '--allow-anonymous', 'true'];
  const open = await ServerProcess.start(t, flags);
  const refused = await fetch(`${open.http.replace('0.0.0.0', '127.0.0.1')}/v1/panel`);
  t.equal(refused.status, 403);
  t.match(await refused.text(), /panel_needs_key/);
});
