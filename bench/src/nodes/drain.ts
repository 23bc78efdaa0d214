// A node with many streams is asked to end: how long until it is empty, and what its streams lose.
import { setTimeout as delay } from 'node:timers/promises';
import { BenchError } from '../bench-error.js';
import { Cluster } from './cluster.js';
import { playFleet, type FleetReport } from './fleet.js';
import type { SpeechToMark } from './marked-speech.js';
import type { RoamingClient } from './roaming-client.js';

export interface DrainOptions {
  readonly speech: SpeechToMark;
  readonly streams: number;
  readonly rampMs: number;
  readonly pace: number;
  readonly flags: readonly string[];
}

export interface DrainReport extends Omit<FleetReport, 'clients' | 'audioMs'> {
  /** Streams that went on at the other node. */
  readonly moved: number;
  readonly begunAnew: number;
  /** From SIGTERM to the end of the process, milliseconds. */
  readonly emptyMs: number;
}

/**
 * All streams are at the first node; it gets SIGTERM when they speak, and they go on at the second.
 * @throws BenchError
 */
export async function measureDrain({ speech, streams, rampMs, pace, flags }: DrainOptions): Promise<DrainReport> {
  await using cluster = await Cluster.start({ nodes: 2, flags: ['--engine', 'marked', ...flags] });
  const [first, second] = cluster.nodes;
  if (first === undefined || second === undefined) throw new BenchError('server_failed', 'A node is missing.');
  let url = first.streamUrl;
  let emptyMs = 0;
  let clients: readonly RoamingClient[] = [];
  const playing = playFleet(
    () => url,
    { speech, streams, rampMs, pace },
    (all) => (clients = all),
  );
  const draining = (async () => {
    while (clients.some(({ sessionId }) => sessionId === '')) await delay(50);
    url = second.streamUrl;
    const began = performance.now();
    await first.end('SIGTERM');
    emptyMs = performance.now() - began;
  })();
  const [report] = await Promise.all([playing, draining]);
  return {
    words: report.words,
    lost: report.lost,
    doubled: report.doubled,
    moved: clients.filter(({ moves }) => moves > 0).length,
    begunAnew: clients.filter(({ restarts }) => restarts > 0).length,
    emptyMs,
  };
}
