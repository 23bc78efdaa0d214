// What checkpoints cost: the same streams with and without, in turns, at one node.
import { Cluster } from './cluster.js';
import { clusterUsage, usageBetween } from './cluster-usage.js';
import { playFleet } from './fleet.js';
import type { SpeechToMark } from './marked-speech.js';

export interface CheckpointCostOptions {
  readonly speech: SpeechToMark;
  readonly streams: number;
  readonly rounds: number;
  readonly rampMs: number;
  readonly flags: readonly string[];
}

/** One round. */
export interface CheckpointRound {
  /** Cores that the node takes for 100 streams. */
  readonly cores: number;
  readonly redisCores: number;
  /** To the store, by 100 streams, each second. */
  readonly writesHz: number;
  /** From `speechEnded` to the final, milliseconds. */
  readonly finalDelaysMs: readonly number[];
}

export async function measureCheckpoints({
  speech,
  streams,
  rounds,
  rampMs,
  flags,
}: CheckpointCostOptions): Promise<{ without: CheckpointRound[]; with: CheckpointRound[] }> {
  await using cluster = await Cluster.start({ nodes: 1, flags: ['--engine', 'marked', ...flags] });
  const play = async (keepsAudio: boolean): Promise<CheckpointRound> => {
    const before = await clusterUsage(cluster);
    const { clients, audioMs } = await playFleet(cluster.streamUrl, { speech, streams, rampMs, keepsAudio });
    const { nodesCpuMs, redisCpuMs, redisWrites } = usageBetween(before, await clusterUsage(cluster));
    return {
      cores: (100 * nodesCpuMs) / audioMs,
      redisCores: (100 * redisCpuMs) / audioMs,
      writesHz: (100 * 1_000 * redisWrites) / audioMs,
      finalDelaysMs: clients.flatMap((client) => client.finalDelaysMs),
    };
  };
  // The first one warms the node up.
  await play(true);
  const result: { without: CheckpointRound[]; with: CheckpointRound[] } = { without: [], with: [] };
  for (let round = 0; round < rounds; round++) {
    // Each is first as often as the other.
    for (const keeps of round % 2 === 0 ? [false, true] : [true, false]) {
      result[keeps ? 'with' : 'without'].push(await play(keeps));
    }
  }
  return result;
}
