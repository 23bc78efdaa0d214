// Loaded into a server before it starts (test/support/faulty-server.ts): on SIGUSR2 its clock jumps, or its event loop
// is held, as the file says that the environment names.
import { readFileSync, writeFileSync } from 'node:fs';

const file = process.env.SOTTO_TEST_FAULT ?? '';
const System = Date;
let jumpedMs = 0;
const now = () => System.now() + jumpedMs;

globalThis.Date = new Proxy(System, {
  construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [now()] : args, self),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
});

process.on('SIGUSR2', () => {
  const { jumpMs = 0, holdMs = 0 } = JSON.parse(readFileSync(file, 'utf8'));
  jumpedMs += jumpMs;
  writeFileSync(`${file}.done`, '');
  if (holdMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, holdMs);
});
