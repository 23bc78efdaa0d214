// Stands in for a TypeScript module of the tests in a child process of the build, which was started without a loader:
// brings the loaders, then the module named by `?of=`, and passes on what an engine's module exports.
import { register } from 'node:module';
import { register as registerTypescript } from 'tsx/esm/api';

registerTypescript();
register('./from-build-hooks.mjs', import.meta.url, { data: { isTogether: false } });
const { createEngine } = await import(new URL(import.meta.url).searchParams.get('of'));
export { createEngine };
