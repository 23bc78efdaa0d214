// A thread of the detector whose first models, or which itself, fails.
import { parentPort, workerData } from 'node:worker_threads';
import type { OrtSession } from '@sotto/models';
import { serveSilero } from '../../server/src/vad/serve-silero.js';
import { loadSilero } from '../../server/src/vad/silero-runner.js';

const { what, failures, counts } = workerData.extra as {
  what: 'model' | 'thread' | 'load';
  failures: number;
  /** Models that were loaded. */
  counts: Int32Array;
};

async function load(): Promise<OrtSession> {
  const session = await loadSilero();
  const isBad = Atomics.add(counts, 0, 1) < failures;
  // A closed session refuses to run, as a broken one does.
  if (isBad && what === 'model') session.close();
  if (isBad && what === 'load') throw new Error('no model today');
  if (isBad && what === 'thread') parentPort?.on('message', () => process.exit(1));
  return session;
}

await serveSilero(load);
