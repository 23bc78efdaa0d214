// The page /capacity in a real browser.
import { join } from 'node:path';
import t from 'tap';
import { launchChromium, needsChromium } from '../support/chromium.js';
import { violations } from '../support/page-accessibility.js';
import { buildPages } from '../support/studio-page.js';
import { startWholeServer } from '../support/whole-server.js';

t.setTimeout(300_000);

const screenshots = process.env['SOTTO_SCREENSHOTS'];

t.test('the calculator follows its fields, in both languages, on a desk and a phone', needsChromium, async (t) => {
  await buildPages();
  const { url } = await startWholeServer(t, { store: 'none' });
  const browser = await launchChromium();
  const page = await browser.newPage({ locale: 'en', colorScheme: 'light' });
  t.teardown(() => page.close());
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(`${url}/capacity`);
  const figure = (name: string) => page.locator(`[data-name=${name}] dd`).textContent();

  t.equal(await page.title(), 'Sotto: Capacity and cost');
  t.equal(await figure('streams'), '400');
  await page.getByLabel('Units (GPUs').fill('3');
  t.equal(await figure('streams'), '1,200');
  await page.getByLabel('Users a day that you expect').fill('50000');
  t.equal(await figure('unitsNeeded'), '5');

  await page.getByLabel('Share of the measured streams').fill('7');
  t.match(await page.getByRole('alert').textContent(), /from 0.1 to 1/);
  t.equal(await figure('plannedStreams'), '960', 'what is out of bounds changes nothing');
  await page.getByLabel('Share of the measured streams').blur();
  t.equal(await page.getByRole('alert').count(), 0);

  await page.getByLabel('Measured on').selectOption('h200-turbo-stock');
  t.equal(await figure('streams'), '300');
  t.ok(await page.getByText('models/train/adapt').isVisible(), 'a stock model: how to adapt it');
  await page.getByLabel('Live streams on one unit').fill('50');
  t.equal(await figure('streams'), '150');
  t.equal(await page.getByLabel('Measured on').inputValue(), 'own');

  t.strictSame(await violations(page), []);
  if (screenshots !== undefined)
    await page.screenshot({ path: join(screenshots, 'capacity-desk.png'), fullPage: true });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.getByRole('button', { name: '中文' }).click();
  t.match(await page.title(), /容量/);
  t.strictSame(await violations(page), []);
  const width = await page.evaluate('document.documentElement.scrollWidth');
  t.equal(width, 390, 'nothing sticks out on a phone');
  if (screenshots !== undefined)
    await page.screenshot({ path: join(screenshots, 'capacity-phone.png'), fullPage: true });
  t.strictSame(problems, []);
});
