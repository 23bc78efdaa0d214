// Resolves what a test imports of a package's sources to the same module in its build, and `tap` to the file's own test
// where several files share a process.
const PACKAGES = { protocol: 'protocol', client: 'client-sdk', models: 'models', server: 'server', bench: 'bench' };
const root = new URL('../../', import.meta.url).href;
const SOURCE = new RegExp(`^${root}(${Object.values(PACKAGES).join('|')})/src/(.*)\\.(?:js|ts)$`);

let isTogether = false;

/** Called with what `register` was given. */
export function initialize(options) {
  isTogether = options?.isTogether === true;
}

/** A hook of Node's module loader: https://nodejs.org/api/module.html#resolvespecifier-context-nextresolve */
export async function resolve(specifier, context, nextResolve) {
  if (specifier === 'tap' && isTogether && context.parentURL?.includes('.test.ts')) {
    const url = `${root}test/support/file-test.mjs?of=${encodeURIComponent(context.parentURL)}`;
    return { url, format: 'module', shortCircuit: true };
  }
  const url = buildOf(specifier, context.parentURL);
  return url === undefined ? nextResolve(specifier, context) : { url, format: 'module', shortCircuit: true };
}

function buildOf(specifier, parentURL) {
  const [, name, path = 'index'] = /^@sotto\/(\w+)(?:\/(\w+))?$/.exec(specifier) ?? [];
  if (name in PACKAGES) return `${root}${PACKAGES[name]}/dist/${path === 'index' ? path : `${path}/index`}.js`;
  if (parentURL === undefined || !specifier.startsWith('.')) return undefined;
  const [, folder, file] = SOURCE.exec(new URL(specifier, parentURL).href) ?? [];
  return folder === undefined ? undefined : `${root}${folder}/dist/${file}.js`;
}
