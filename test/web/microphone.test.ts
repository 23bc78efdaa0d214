// The microphone part of the client package as any web page uses it: bundled, with the worklet from a blob.
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { build, type Rollup } from 'vite';
import { type BrowserOptions, launchChromium, needsChromium } from '../support/chromium.js';

const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

async function bundle(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    resolve: {
      alias: [{ find: '@sotto/protocol', replacement: source('protocol/src/index.ts') }],
    },
    build: {
      write: false,
      lib: { entry: source('client-sdk/src/microphone/index.ts'), formats: ['iife'], name: 'sotto' },
    },
  });
  const [output] = result as Rollup.RollupOutput[];
  return output?.output[0].code ?? '';
}

/** Plays sound without a click, and captures its tab without asking. */
const FREE: BrowserOptions = {
  arguments: ['--autoplay-policy=no-user-gesture-required', '--auto-accept-this-tab-capture'],
};

/** What a call rejects with, as an expression. */
const codeOf = (call: string): string => `${call}.then(() => 'none', ({ name, code }) => name + ' ' + code)`;

/** An empty page of a secure origin, with the package as `sotto`. */
async function openPage(t: Test, options: BrowserOptions = {}): Promise<Page> {
  const browser = await launchChromium(options);
  const page = await browser.newPage();
  t.teardown(() => page.close());
  await page.route('**/*', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>t</title>' }),
  );
  await page.goto('http://localhost/');
  await page.addScriptTag({ content: await bundle() });
  return page;
}

t.test('the microphone in a page', needsChromium, async (t) => {
  t.test('captures the default device until it is stopped, and lists devices', async (t) => {
    const page = await openPage(t);
    const result = await page.evaluate(`(async () => {
      const chunks = [];
      const levels = [];
      const heard = Promise.withResolvers();
      const capture = await sotto.openMicrophone({
        onChunk: (chunk) => chunks.push(chunk),
        // The fake device beeps every second.
        onLevel: (level) => levels.push(level) >= 25 && levels.some(({ peakDb }) => peakDb > -40) && heard.resolve(),
      });
      await heard.promise;
      await Promise.all([capture.stop(), capture.stop()]);
      const { length } = chunks;
      const next = Promise.withResolvers();
      const other = await sotto.openMicrophone({ onChunk: next.resolve });
      // The device is heard by another, and by this one no longer.
      await next.promise;
      await other.stop();
      return {
        label: capture.label,
        sizes: [...new Set(chunks.slice(0, -1).map(({ samples }) => samples.length))],
        ms: chunks.reduce((sum, { samples }) => sum + samples.length, 0) / 16,
        late: chunks.length - length,
        end: await capture.ended,
        devices: (await sotto.listDevices()).map(({ label }) => label),
      };
    })()`);
    t.match(result, { sizes: [640], late: 0, end: {}, label: /Fake/, devices: [/Fake/] });
    const { ms } = result as { ms: number };
    t.ok(ms >= 960, `${ms} ms`);
  });

  t.test('captures any stream, at its pitch, and leaves its tracks running', async (t) => {
    const page = await openPage(t, FREE);
    const result = await page.evaluate(`(async () => {
      const context = new AudioContext();
      const tone = new OscillatorNode(context, { frequency: 1000 });
      const { stream } = tone.connect(context.createMediaStreamDestination());
      tone.start();
      const samples = [];
      const heard = Promise.withResolvers();
      const onChunk = (chunk) => samples.push(...chunk.samples) >= 12000 && heard.resolve();
      const capture = await sotto.fromMediaStream(stream, { onChunk });
      await heard.promise;
      await capture.stop();
      const part = samples.slice(4000, 12000);
      const rising = [];
      part.forEach((sample, at) => {
        const before = part[at - 1];
        if (before < 0 && sample >= 0) rising.push(at - sample / (sample - before));
      });
      // The middle one: a busy machine may leave a gap in the sound.
      const periods = rising.slice(1).map((it, at) => it - rising[at]).sort((a, b) => a - b);
      return { hertz: 16000 / periods[periods.length >> 1], state: stream.getAudioTracks()[0].readyState };
    })()`);
    const { hertz, state } = result as { hertz: number; state: string };
    t.ok(Math.abs(hertz - 1_000) < 20, `${hertz} Hz`);
    t.equal(state, 'live');
  });

  t.test('a device that goes away ends the capture with device_lost', async (t) => {
    const page = await openPage(t);
    const code = await page.evaluate(`(async () => {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const [track] = stream.getAudioTracks();
      const capture = await sotto.fromMediaStream(stream, { onChunk: () => {} });
      track.dispatchEvent(new Event('ended'));
      return (await capture.ended).error.code;
    })()`);
    t.equal(code, 'device_lost');
  });

  t.test('failures carry their codes', async (t) => {
    const page = await openPage(t);
    const silent = `new MediaStream()`;
    t.equal(await page.evaluate(codeOf(`sotto.fromMediaStream(${silent}, { onChunk() {} })`)), 'CaptureError no_audio');
    const unknown = `sotto.openMicrophone({ deviceId: 'none', onChunk() {} })`;
    t.equal(await page.evaluate(codeOf(unknown)), 'CaptureError no_device');
    const noAudio = `sotto.fromFile(new Blob(['text']))`;
    t.equal(await page.evaluate(codeOf(noAudio)), 'CaptureError unreadable_file');
    const badModule = `sotto.openMicrophone({ workletUrl: 'data:text/plain,no', onChunk() {} })`;
    t.match(await page.evaluate(codeOf(badModule)), /^CaptureError /);
    const refused = await openPage(t, { isAllowed: false });
    t.equal(await refused.evaluate(codeOf(`sotto.openMicrophone({ onChunk() {} })`)), 'CaptureError permission_denied');
  });

  t.test('the sound of a shared tab', async (t) => {
    const page = await openPage(t, FREE);
    const result = await page.evaluate(`(async () => {
      const { getDisplayMedia } = navigator.mediaDevices;
      navigator.mediaDevices.getDisplayMedia = (wanted) =>
        getDisplayMedia.call(navigator.mediaDevices, { ...wanted, preferCurrentTab: true });
      const heard = Promise.withResolvers();
      const capture = await sotto.captureTab({ onChunk: heard.resolve });
      const { samples } = await heard.promise;
      await capture.stop();
      return { samples: samples.length, end: await capture.ended };
    })()`);
    t.same(result, { samples: 640, end: {} });
  });
});
