// Loaded before a test file that `npm test -- FILE` names, and before scripts of the tests: they then run the build,
// which is what is shipped. Without SOTTO_TEST_BUILD (`npx tap FILE`) they run the sources as they are.
import { register } from 'node:module';

if (process.env.SOTTO_TEST_BUILD === '1') {
  register('./from-build-hooks.mjs', import.meta.url);
  // What a test starts is plain JavaScript: without these a process takes half of the processor time.
  process.execArgv = [];
  // Nor does tap put its notes of what was loaded into each of them, for a coverage that nobody asks for: another half
  // of a second. Its variable, and its hook on every start (https://github.com/cfware/process-on-spawn).
  const options = (process.env.NODE_OPTIONS ?? '').replace(/"?--import=[^"\s]*processinfo[^"\s]*"?/g, '').trim();
  if (options === '') delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = options;
  const onSpawn = globalThis[Symbol.for('process-on-spawn@*:singletonId')];
  if (onSpawn !== undefined) onSpawn.listeners = [];
}
