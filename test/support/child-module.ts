// What a process that a test starts loads of the tests: TypeScript as it is, or as scripts/build-tests.mjs has built
// it.
import { isBuildTested } from './sotto-command.js';

/** @param url of the TypeScript module; it is one of those that the script builds */
export function childModule(url: string): string {
  const folder = url.endsWith('-main.ts') ? 'command/test' : 'tests';
  return isBuildTested ? url.replace(/\/test\/(support\/.*)\.ts$/, `/.tap/${folder}/$1.js`) : url;
}
