// What axe-core finds wrong with a page.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Violations of the weight that the project does not ship; what is in frames is left out. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(axePath, 'utf8'));
  const found: { impact: string; id: string; nodes: { html: string }[] }[] = await page.evaluate(
    'axe.run(document, { iframes: false }).then((result) => result.violations.map(({ impact, id, nodes }) => ({ impact, id, nodes: nodes.map(({ html }) => ({ html })) })))',
  );
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
