// How a child process loads a module of the tests: directly where it inherits the loaders, else with its own.
import { isBuildTested } from './sotto-command.js';

/** @param url - of the TypeScript module, which exports `createEngine` */
export function childModule(url: string): string {
  if (!isBuildTested) return url;
  return new URL(`./typescript-child.mjs?of=${encodeURIComponent(url)}`, import.meta.url).href;
}
