// Headless Chromium for tests of the pages, with a microphone that plays a file.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type LaunchOptions } from 'playwright-core';
import t from 'tap';
import { s16le, wavFile } from './wav-file.js';

/** The shell has no window of its own to draw, and takes half the processor's time of the whole browser. */
const CANDIDATES = [
  process.env['CHROMIUM_PATH'],
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
];
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

/** A file for `microphone` with these samples (16 kHz, mono): the same for the same ones. */
export async function microphoneFile(samples: Float32Array): Promise<string> {
  const bytes = wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, s16le(samples));
  const name = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  const path = join(process.env['SOTTO_TEST_FOLDERS'] ?? tmpdir(), `microphone-${name}.wav`);
  await writeFile(path, bytes);
  return path;
}

/** Browsers of this process, by how they were started. Each test has contexts of its own in them. */
const browsers = new Map<string, Promise<Browser>>();

/** A browser that all tests of this process with the same options share. It talks to nobody by itself. */
export function launchChromium(options: BrowserOptions = {}): Promise<Browser> {
  const key = JSON.stringify(options);
  const known = browsers.get(key);
  if (known !== undefined) return known;
  const browser = launch(options);
  browsers.set(key, browser);
  t.teardown(async () => (await browser).close());
  return browser;
}

function launch(options: BrowserOptions): Promise<Browser> {
  const { microphone, hasMicrophone = true, isAllowed = true } = options;
  const launchOptions: LaunchOptions = {
    args: [
      '--headless=new',
      '--no-sandbox',
      // Without a sandbox nothing needs the zygotes, which outlive a browser that is killed and go on in a loop.
      '--no-zygote',
      '--disable-gpu',
      // What moves is painted by the processor, sixty times a second.
      '--force-prefers-reduced-motion',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...(hasMicrophone ? ['--use-fake-device-for-media-stream'] : []),
      `--use-fake-ui-for-media-stream${isAllowed ? '' : '=deny'}`,
      ...(microphone === undefined ? [] : [`--use-file-for-fake-audio-capture=${microphone}%noloop`]),
      ...(options.arguments ?? []),
    ],
  };
  return chromium.launch({ ...launchOptions, ...(executablePath === undefined ? {} : { executablePath }) });
}
