// The Studio in a browser, as a test handles it: opened, watched for whatever it should not do, read.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect } from '@sotto/client';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { isBuildTested } from './sotto-command.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Builds the pages that the server will read when it starts. A run of the build has done so. */
export async function buildPages(): Promise<void> {
  if (isBuildTested) return;
  await promisify(execFile)(process.execPath, ['scripts/build-pages.mjs'], { cwd: root });
}

/** A browser and a server on a busy machine take their time; nothing here waits longer than it must. */
const PATIENCE_MS = 60_000;

/**
 * A port outside the range from which outgoing connections take theirs: it must still be free when a server comes back.
 */
export function freePort(): string {
  return String(20_000 + (process.pid % 10_000));
}

/** What the same server makes of the same sound when it comes straight from the client package. */
export async function transcriptOf(url: string, samples: Float32Array): Promise<string> {
  const session = connect(url, { webSocket: (address, protocols) => new WebSocket(address, protocols) });
  const texts: string[] = [];
  session.on('final', ({ text }) => texts.push(text));
  session.send(samples);
  await session.stop();
  return texts.join(' ');
}

export class StudioPage {
  /** What the console said that was a warning or worse, uncaught errors, and requests that left the server. */
  readonly offences: string[] = [];
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  /** Opens the page of a server (`http://HOST:PORT`); after the test nothing must have offended. */
  static async open(t: Test, browser: Browser, http: string, options: BrowserContextOptions = {}): Promise<StudioPage> {
    const context = await browser.newContext({ locale: 'en-GB', ...options });
    t.teardown(() => context.close());
    context.setDefaultTimeout(PATIENCE_MS);
    const studio = new StudioPage(await context.newPage());
    studio.#watch(new URL(http).host);
    await studio.page.goto(http);
    await studio.button.waitFor();
    return studio;
  }

  get button(): Locator {
    return this.page.locator('.talk-button');
  }

  get settled(): Locator {
    return this.page.locator('.settled .paragraph');
  }

  get failure(): Locator {
    return this.page.getByRole('alert');
  }

  get spoken(): Locator {
    return this.page.locator('.spoken');
  }

  /** Waits for news of the connection that say so. */
  async note(words: RegExp, timeout = PATIENCE_MS): Promise<void> {
    await this.page.locator('.note').filter({ hasText: words }).waitFor({ timeout });
  }

  /** Waits until about as many words have settled as a text has. */
  async saidAll(text: string): Promise<void> {
    const words = text.split(' ').length;
    await this.page
      .locator('.settled .word')
      .nth(Math.floor(words * 0.9))
      .waitFor({ timeout: PATIENCE_MS });
  }

  /** Waits for a failure that says so. */
  async failsWith(words: RegExp): Promise<void> {
    await this.failure.filter({ hasText: words }).waitFor({ timeout: PATIENCE_MS });
  }

  /** The text of the settled paragraphs, without their times. */
  async text(): Promise<string> {
    const words = await this.page.locator('.settled .paragraph').evaluateAll((paragraphs) =>
      paragraphs.map((paragraph) =>
        [...paragraph.childNodes]
          .slice(1)
          .map((node) => node.textContent)
          .join(''),
      ),
    );
    return words.join(' ');
  }

  async start(): Promise<void> {
    await this.button.click();
    await this.page.getByRole('button', { name: 'Stop' }).waitFor();
  }

  /** Waits until the server has taken some of the sound. */
  async isHeard(): Promise<void> {
    await this.page
      .locator('.figures div:nth-child(2) dd')
      .filter({ hasText: / m?s$/ })
      .waitFor({ timeout: PATIENCE_MS });
  }

  /** Presses stop and waits until everything has settled. */
  async stop(): Promise<void> {
    await this.button.click();
    await this.idle();
  }

  /** Waits until nothing runs. */
  async idle(): Promise<void> {
    await this.page.locator('.talk-button[data-running=false][aria-disabled=false]').waitFor({ timeout: PATIENCE_MS });
  }

  /** Drops a file anywhere on the page. */
  async drop(name: string, bytes: Uint8Array): Promise<void> {
    const transfer = await this.page.evaluateHandle(
      `(() => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob('${Buffer.from(bytes).toString('base64')}'), (char) => char.charCodeAt(0));
        transfer.items.add(new File([bytes], '${name}'));
        return transfer;
      })()`,
    );
    await this.page.locator('.studio').dispatchEvent('dragover', { dataTransfer: transfer });
    await this.page.locator('.studio').dispatchEvent('drop', { dataTransfer: transfer });
  }

  #watch(host: string): void {
    const note = (address: string): void => {
      const url = new URL(address);
      if (url.host !== host && !['blob:', 'data:'].includes(url.protocol)) this.offences.push(`request to ${address}`);
    };
    this.page.on('request', (request) => note(request.url()));
    this.page.on('websocket', (socket) => note(socket.url()));
    this.page.on('pageerror', (error) => this.offences.push(`uncaught: ${error.message}`));
    this.page.on('console', (message) => {
      if (['warning', 'error'].includes(message.type())) this.offences.push(message.text());
    });
  }
}
