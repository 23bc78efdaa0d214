// How long the panel takes to open in a real browser: from the navigation to its first figures and charts on screen.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const CANDIDATES = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser'];

/** What stands in the page once it has data: the table of facts has its figures, the charts are drawn. */
const DATA_SHOWN = `new Promise((resolve) => {
  const look = () => {
    const isThere = document.querySelector('.facts dd')?.textContent && document.querySelector('.chart canvas');
    requestAnimationFrame(isThere ? () => resolve(performance.now()) : look);
  };
  look();
})`;

/**
 * Milliseconds of each opening, with nothing cached, one after the other; none where there is no Chromium
 * (`CHROMIUM_PATH` names one). The first opening, which starts the browser's own parts, is left out.
 */
export async function openingTimes(httpUrl: string, count: number): Promise<number[]> {
  const executablePath = CANDIDATES.find((path) => path !== undefined && existsSync(path));
  if (executablePath === undefined || count === 0) return [];
  const browser = await chromium.launch({ executablePath, args: ['--headless=new', '--no-sandbox', '--disable-gpu'] });
  const times: number[] = [];
  try {
    for (let opened = 0; opened <= count; opened++) {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(`${httpUrl}/dashboard`, { waitUntil: 'commit' });
      times.push(await page.evaluate<number>(DATA_SHOWN));
      await context.close();
    }
  } finally {
    await browser.close();
  }
  return times.slice(1);
}
