// Where the build has what a test imports of a package's sources.
const PACKAGES = { protocol: 'protocol', client: 'client-sdk', models: 'models', server: 'server', bench: 'bench' };
const root = new URL('../../', import.meta.url).href;
const SOURCE = new RegExp(`^${root}(${Object.values(PACKAGES).join('|')})/src/(.*)\\.(?:js|ts)$`);

/**
 * The URL of a module in the build; undefined for what is no package's source.
 * @param specifier {string} as it stands in the import
 * @param parentURL {string | undefined} of the file that imports it
 */
export function builtModule(specifier, parentURL) {
  const [, name, path = 'index'] = /^@sotto\/(\w+)(?:\/(\w+))?$/.exec(specifier) ?? [];
  if (name in PACKAGES) return `${root}${PACKAGES[name]}/dist/${path === 'index' ? path : `${path}/index`}.js`;
  if (parentURL === undefined || !specifier.startsWith('.')) return undefined;
  const [, folder, file] = SOURCE.exec(new URL(specifier, parentURL).href) ?? [];
  return folder === undefined ? undefined : `${root}${folder}/dist/${file}.js`;
}
