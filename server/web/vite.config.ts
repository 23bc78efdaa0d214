// How scripts/build-pages.mjs builds the pages that the server serves: everything from its own origin, text files only,
// names with a hash in assets/.
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { CAPTURE_WORKLET_SOURCE } from '../../client-sdk/src/microphone/capture-worklet.js';

const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/**
 * `import url from 'virtual:capture-worklet'`: the audio thread's module as a file, so that the page's policy can
 * forbid `blob:` scripts.
 */
function captureWorklet(): Plugin {
  const id = 'virtual:capture-worklet';
  return {
    name: 'sotto-capture-worklet',
    resolveId: (wanted) => (wanted === id ? `\0${id}` : null),
    load(wanted) {
      if (wanted !== `\0${id}`) return null;
      const file = this.emitFile({ type: 'asset', name: 'capture-worklet.js', source: CAPTURE_WORKLET_SOURCE });
      return `export default import.meta.ROLLUP_FILE_URL_${file};`;
    },
  };
}

export default defineConfig({
  // Nothing is named from the root of the host: a proxy may serve the pages under a path of its own.
  base: './',
  plugins: [captureWorklet()],
  resolve: {
    alias: [
      { find: '@sotto/client/microphone', replacement: source('client-sdk/src/microphone/index.ts') },
      { find: '@sotto/client', replacement: source('client-sdk/src/index.ts') },
      { find: '@sotto/protocol/client', replacement: source('protocol/src/client/index.ts') },
      { find: '@sotto/protocol', replacement: source('protocol/src/index.ts') },
    ],
  },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    rolldownOptions: {
      input: ['index.html', 'watch.html', 'overlay.html', 'overlay/editor.html', 'capacity.html', 'dashboard.html'].map(
        (page) => source(`server/web/${page}`),
      ),
    },
    // What is inlined as a data: URL would be refused by the page's policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
