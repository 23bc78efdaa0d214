// Loads tap without its notes of every promise that is made and collected, by which it knows whose an error is that
// nobody caught: they take as much processor time as many a test. test/support/together.mjs gives such errors to the
// file that runs.
import asyncHooks from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';

const { createHook } = asyncHooks;
// async-hook-domain makes its hook once, with tap's root.
asyncHooks.createHook = () => ({ enable() {}, disable() {} });
syncBuiltinESMExports();
const { default: t } = await import('tap');
asyncHooks.createHook = createHook;
syncBuiltinESMExports();

export default t;
