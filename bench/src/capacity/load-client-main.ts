// A load client's process: plays its share of the streams, and says what it saw of them.
import { messageOf } from '@sotto/protocol';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../audio/seeded-random.js';
import { loopPlaylist } from '../audio/utterances.js';
import { totalErrors } from '@sotto/models';
import { playStream } from '../stream/play-stream.js';
import type { ObservedStream } from '../stream/stream-metrics.js';
import type { FromClient, LoadReport, LoadTask, ToClient } from './load-messages.js';
import { addLoss, addSamples, errorsOf, noLoss, noSamples, samplesOf } from './load-samples.js';

let task: LoadTask | undefined;

process.on('message', (message: ToClient) => {
  if (message.type === 'task') {
    ({ task } = message);
    say({ type: 'prepared' });
  } else if (task !== undefined) {
    play(task).then(
      (report) => say({ type: 'done', report }),
      (error: unknown) => say({ type: 'failed', message: messageOf(error) }),
    );
  }
});

// The bench is gone, or has what it wanted.
process.on('disconnect', () => process.exit(0));

async function play({ play: options, utterances, gapMs, streams, times }: LoadTask): Promise<LoadReport> {
  const goneAt = performance.now();
  const troubles: string[] = [];
  const cpu = cpuBetween(times.fromMs, times.toMs);
  const played = await Promise.all(
    streams.map(async ({ startMs, seed }): Promise<ObservedStream | undefined> => {
      const durationMs = times.stopMs - startMs;
      const playlist = loopPlaylist(utterances, { durationMs, gapMs, random: seededRandom(seed) });
      await sleep(goneAt + startMs - performance.now());
      try {
        return await playStream(playlist, { ...options, pace: 1 });
      } catch (error) {
        troubles.push(messageOf(error));
        return undefined;
      }
    }),
  );
  const window = { from: goneAt + times.fromMs, to: goneAt + times.toMs };
  const samples = noSamples();
  const loss = noLoss();
  const wordErrors = [];
  for (const stream of played) {
    if (stream === undefined) continue;
    addSamples(samples, samplesOf(stream, options.chunkMs, window));
    addLoss(loss, stream.trace.loss);
    wordErrors.push(errorsOf(stream, gapMs));
    troubles.push(...stream.trace.errorCodes);
  }
  return { samples, loss, troubles, wordErrors: totalErrors(wordErrors), cpuMs: await cpu };
}

/** CPU time of this process between two moments, milliseconds. */
async function cpuBetween(fromMs: number, toMs: number): Promise<number> {
  await sleep(fromMs);
  const before = process.cpuUsage();
  await sleep(toMs - fromMs);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function say(message: FromClient): void {
  if (process.connected) process.send?.(message);
}
