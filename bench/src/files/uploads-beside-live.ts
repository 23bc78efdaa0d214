// Many uploads at once while people speak, and how long the speakers wait for their finals with and without them.
import { dealPlaylists, type LoadedRecording } from '../audio/playlist.js';
import { distribution } from '../measure/statistics.js';
import { atMost, distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import type { BenchServer } from '../server/bench-server.js';
import { playStream } from '../stream/play-stream.js';
import { segmentLatencies } from '../stream/stream-metrics.js';
import { upload, type MakeWav } from './wav-upload.js';

/** People who speak while files come in, and what they say in one round. */
const LIVE_CONNECTIONS = 2;
const LIVE_RECORDINGS = 16;
const UPLOAD_SECONDS = 10;

/** Rounds without and with uploads in turn, so that drift of the machine falls on both alike. */
export async function uploadsBesideLive(
  server: BenchServer,
  recordings: readonly LoadedRecording[],
  wav: MakeWav,
  uploads: number,
  rounds: number,
): Promise<Metric[]> {
  if (uploads === 0) return [];
  const [alone, beside, answers]: [number[], number[], number[]] = [[], [], []];
  const losses: string[] = [];
  const uploadOnce = async (): Promise<void> => {
    try {
      answers.push(await upload(server, wav(UPLOAD_SECONDS)));
    } catch (error) {
      losses.push(String(error));
    }
  };
  for (let round = 0; round < rounds; round++) {
    alone.push(...(await finalLatencies(server, recordings, round)));
    const speaking = finalLatencies(server, recordings, round);
    const isOver = speaking.then(() => true);
    do await Promise.all(Array.from({ length: uploads }, uploadOnce));
    while (!(await Promise.race([isOver, false])));
    beside.push(...(await speaking));
  }
  const [without, among] = [distribution(alone), distribution(beside)];
  return [
    scalarMetric('uploadsLost', 'of all', losses.length, {
      target: atMost('value', 0),
      note: [...new Set(losses)].join('; ') || 'none',
    }),
    distributionMetric('uploadAnswer', 'ms', distribution(answers), {
      note: `${uploads} uploads of ${UPLOAD_SECONDS} s at once, again and again beside ${LIVE_CONNECTIONS} live streams`,
    }),
    distributionMetric('finalLatencyAlone', 'ms', without, {
      note: `${LIVE_CONNECTIONS} live streams, nothing beside them`,
    }),
    distributionMetric('finalLatencyBesideUploads', 'ms', among, {
      note: 'the same beside the uploads, in turn with the rounds alone',
    }),
    scalarMetric('finalLatencyRatio', 'x', among.p95 / without.p95, {
      target: atMost('value', 1.5),
      note: 'p95 beside the uploads / p95 alone',
    }),
    scalarMetric('finalLatencyMedianRatio', 'x', among.p50 / without.p50, { note: 'the same of the medians' }),
  ];
}

/** End of speech to final, milliseconds, of people who speak at the same time; each round in another order. */
async function finalLatencies(
  server: BenchServer,
  recordings: readonly LoadedRecording[],
  round: number,
): Promise<number[]> {
  const spoken = recordings.filter(({ text }) => text !== '').slice(0, LIVE_RECORDINGS);
  const deal = { connections: LIVE_CONNECTIONS, rounds: 1, gapMs: 1_500, seed: round + 1 };
  const play = { url: server.streamUrl, language: 'en', pace: 1, chunkMs: 40 };
  const streams = await Promise.all(dealPlaylists(spoken, deal).map((playlist) => playStream(playlist, play)));
  return streams.flatMap(({ trace, playlist }) =>
    trace.segments.flatMap((segment) => segmentLatencies(segment, playlist, play.pace).final.map(({ ms }) => ms)),
  );
}
