// One step of the search: so many live streams, measured from when all are on.
import type { LoadedRecording } from '../audio/playlist.js';
import { totalErrors } from '@sotto/models';
import type { BenchServer } from '../server/bench-server.js';
import type { LoadReport, LoadTask } from './load-messages.js';
import { LoadClients } from './load-clients.js';
import { addLoss, addSamples, noLoss, noSamples } from './load-samples.js';
import { watchServer, type ServerLoad } from './server-watch.js';

export interface StepOptions {
  readonly play: Omit<LoadTask['play'], 'url'>;
  readonly utterances: readonly LoadedRecording[];
  readonly gapMs: number;
  readonly clients: number;
  /** Time over which the streams start, evenly, milliseconds. */
  readonly rampMs: number;
  /** Time for the server to get used to them all before anything is measured, milliseconds. */
  readonly settleMs: number;
  /** Time that is measured, milliseconds. */
  readonly windowMs: number;
  readonly seed: number;
}

export interface StepMeasurement extends LoadReport {
  readonly connections: number;
  readonly clients: number;
  readonly windowMs: number;
  readonly server: ServerLoad;
}

/**
 * How long the streams go on behind the window, milliseconds: the last finals that are measured come under the same
 * load as the first.
 */
const TAIL_MS = 2_000;

/**
 * Plays `connections` streams. @throws BenchError when a load client fails; sessions that the server refuses are in the
 * report
 */
export async function runStep(
  server: BenchServer,
  connections: number,
  { rampMs, settleMs, windowMs, play, ...options }: StepOptions,
): Promise<StepMeasurement> {
  const fromMs = rampMs + settleMs;
  const toMs = fromMs + windowMs;
  const times = { fromMs, toMs, stopMs: toMs + TAIL_MS };
  using clients = await LoadClients.prepare({
    ...options,
    play: { ...play, url: server.streamUrl },
    times,
    rampMs,
    connections,
  });
  const [reports, load] = await Promise.all([clients.play(), watchServer(server, fromMs, windowMs)]);
  const samples = noSamples();
  const loss = noLoss();
  for (const report of reports) {
    addSamples(samples, report.samples);
    addLoss(loss, report.loss);
  }
  return {
    connections,
    clients: reports.length,
    windowMs,
    samples,
    loss,
    troubles: reports.flatMap(({ troubles }) => troubles),
    wordErrors: totalErrors(reports.map(({ wordErrors }) => wordErrors)),
    cpuMs: reports.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
    server: load,
  };
}
