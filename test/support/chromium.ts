// Headless Chromium for tests of the pages, with a microphone that plays a file.
import { existsSync } from 'node:fs';
import { chromium, type Browser, type LaunchOptions } from 'playwright-core';
import type { Test } from 'tap';

const CANDIDATES = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser'];
const executablePath = CANDIDATES.find((path) => path !== undefined && path !== '' && existsSync(path));

/** Options of a test that needs Chromium: skips it, and says so, where there is none. */
export const needsChromium =
  executablePath === undefined ? { skip: 'no Chromium: install it or name it in CHROMIUM_PATH' } : {};

export interface BrowserOptions {
  /** A WAV file that the microphone plays, once, from the moment it is opened. Default: a beep every second. */
  readonly microphone?: string;
  /** Whether there is a microphone, and people allow it. Default both. */
  readonly hasMicrophone?: boolean;
  readonly isAllowed?: boolean;
  readonly arguments?: readonly string[];
}

/** Starts a browser that ends with the test. It talks to nobody by itself. */
export async function launchChromium(t: Test, options: BrowserOptions = {}): Promise<Browser> {
  const { microphone, hasMicrophone = true, isAllowed = true } = options;
  const launch: LaunchOptions = {
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...(hasMicrophone ? ['--use-fake-device-for-media-stream'] : []),
      ...(isAllowed ? ['--use-fake-ui-for-media-stream'] : ['--deny-permission-prompts']),
      ...(microphone === undefined ? [] : [`--use-file-for-fake-audio-capture=${microphone}%noloop`]),
      ...(options.arguments ?? []),
    ],
  };
  const browser = await chromium.launch({ ...launch, ...(executablePath === undefined ? {} : { executablePath }) });
  t.teardown(() => browser.close());
  return browser;
}
