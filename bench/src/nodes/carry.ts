// What several nodes carry against one, by processor time: on one machine they share its cores, so that wall time
// would tell how many cores it has.
import { median } from '../measure/statistics.js';
import { Cluster } from './cluster.js';
import { checkpointBytes, clusterUsage, usageBetween, type ClusterUsage } from './cluster-usage.js';
import { playFleet, type FleetReport } from './fleet.js';
import type { SpeechToMark } from './marked-speech.js';

export interface CarryOptions {
  readonly speech: SpeechToMark;
  readonly nodes: number;
  /** Of each node. */
  readonly streams: number;
  readonly rounds: number;
  readonly rampMs: number;
  readonly flags: readonly string[];
  readonly say: (line: string) => void;
}

/** One round of one cluster. */
export interface CarryRound {
  readonly nodes: number;
  readonly fleet: Pick<FleetReport, 'words' | 'lost' | 'doubled' | 'audioMs'>;
  readonly usage: ClusterUsage;
  readonly checkpointBytes: number;
}

/** Streams that one core of a node's carries: audio over processor time. */
export const perCore = ({ fleet, usage }: CarryRound): number => fleet.audioMs / usage.nodesCpuMs;

/** One node and `nodes` of them, in turns, so that what else the machine does falls on both. */
export async function runCarry(options: CarryOptions): Promise<{ one: CarryRound[]; many: CarryRound[] }> {
  const flags = ['--engine', 'marked', ...options.flags];
  await using single = await Cluster.start({ nodes: 1, flags });
  await using several = await Cluster.start({ nodes: options.nodes, flags });
  const rounds: { one: CarryRound[]; many: CarryRound[] } = { one: [], many: [] };
  for (let round = 0; round < options.rounds; round++) {
    rounds.one.push(await play(single, options));
    rounds.many.push(await play(several, options));
    options.say(`round ${round + 1}: ${median(rounds.one.map(perCore)).toFixed(1)} streams a core, one node`);
    options.say(`round ${round + 1}: ${median(rounds.many.map(perCore)).toFixed(1)} streams a core, several`);
  }
  return rounds;
}

async function play(cluster: Cluster, { speech, streams, rampMs }: CarryOptions): Promise<CarryRound> {
  const before = await clusterUsage(cluster);
  const nodes = cluster.nodes.length;
  const playing = playFleet(cluster.streamUrl, { speech, streams: streams * nodes, rampMs });
  const halfway = new Promise((resolve) => setTimeout(resolve, (speech.samples.length / 16 + rampMs) / 2));
  const size = halfway.then(() => checkpointBytes(cluster));
  const [fleet, bytes] = await Promise.all([playing, size]);
  return { nodes, fleet, usage: usageBetween(before, await clusterUsage(cluster)), checkpointBytes: bytes };
}
