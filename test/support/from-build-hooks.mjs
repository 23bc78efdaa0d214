// Resolves what a test imports of a package's sources to the same module in its build.
import { builtModule } from './built-module.mjs';

/** A hook of Node's module loader: https://nodejs.org/api/module.html#resolvespecifier-context-nextresolve */
export async function resolve(specifier, context, nextResolve) {
  const url = builtModule(specifier, context.parentURL);
  return url === undefined ? nextResolve(specifier, context) : { url, format: 'module', shortCircuit: true };
}
