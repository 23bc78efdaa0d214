// Loaded before every test file of `npm test`, which has built the packages: the tests then run what is shipped, and no
// process that they start has to translate TypeScript. Without SOTTO_TEST_BUILD (`npx tap FILE`) they run the sources
// as they are.
import { register } from 'node:module';

if (process.env.SOTTO_TEST_BUILD === '1') {
  // An entry of several files that run in this process: see together.mjs.
  const isTogether = process.argv[1]?.includes('/.tap/together/') === true;
  register('./from-build-hooks.mjs', import.meta.url, { data: { isTogether } });
}
