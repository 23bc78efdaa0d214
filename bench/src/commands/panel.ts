// `bench panel`: what the open panel, and a scraper in a hurry, cost a server with many streams; and whether the panel
// tells what its clients see.
import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError, type Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { dealPlaylists, pcmOf, place } from '../audio/playlist.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { BenchError } from '../bench-error.js';
import { Crowd } from '../load/crowd.js';
import { describeProvenance } from '../measure/machine.js';
import { distribution, median } from '../measure/statistics.js';
import { agreementMetrics } from '../panel/panel-agreement.js';
import { openingTimes } from '../panel/panel-opening.js';
import { PanelReader, scrape } from '../panel/panel-reader.js';
import { atMost, distributionMetric, scalarMetric, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { openServer, type BenchServer } from '../server/bench-server.js';
import { runStreams } from '../stream/run-streams.js';
import { wholeNumber } from './option-values.js';

interface PanelOptions {
  readonly streams: number;
  readonly seconds: number;
  readonly pairs: number;
  readonly scrapes: number;
  readonly speakers: number;
  readonly openings: number;
  readonly out?: string;
}

const CHUNK_MS = 100;
const SETTLE_MS = 3_000;
/** Panels that are open together: what one costs is lost in the noise. */
const PANELS = 20;
const OPEN_TIMEOUT_MS = 20_000;
const GAP_MS = 1_500;
const STAGGER_MS = 700;

export function registerPanelCommand(program: Command): void {
  program
    .command('panel')
    .description('what the open panel costs a server with many streams, and whether it tells what its clients see')
    .option('--streams <count>', 'streams at real-time pace, with all models taken out', wholeNumber(1, 5_000), 400)
    .option('--seconds <s>', 'length of each half of a pair', wholeNumber(2, 600), 10)
    .option('--pairs <count>', 'how often the server is measured without and with it', wholeNumber(1, 100), 4)
    .option('--scrapes <count>', 'scrapes of /metrics a second, for the same comparison', wholeNumber(1, 1_000), 100)
    .option(
      '--speakers <count>',
      'streams of the comparison with what clients see, with the real model; 0: none',
      (text) => {
        const count = Number(text);
        if (!Number.isInteger(count) || count < 0 || count > 1_000) throw new InvalidArgumentError('0 to 1000');
        return count;
      },
      2,
    )
    .option(
      '--openings <count>',
      'how often it is opened in Chromium, beside the streams; 0: never',
      wholeNumber(0, 1_000),
      10,
    )
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .argument('[flags...]', 'further flags of `sotto serve`, after --')
    .action(runPanel);
}

async function runPanel(flags: string[], options: PanelOptions): Promise<void> {
  const provenance = describeProvenance();
  const metrics = [
    ...(await costMetrics(flags, options)),
    ...(options.speakers === 0 ? [] : await agreement(flags, options.speakers)),
  ];
  const { streams, seconds, pairs, scrapes, speakers, openings } = options;
  const settings = { streams, seconds, pairs, scrapes, speakers, openings, flags: flags.join(' ') };
  await publish({ schema: 1, bench: 'panel', provenance, settings, metrics, remarks: [] }, options.out);
}

async function costMetrics(flags: readonly string[], options: PanelOptions): Promise<Metric[]> {
  const { streams, seconds, pairs, scrapes } = options;
  const playlist = place(await loadAudio(await readRecordings(fixturesFolder, ['en'])), GAP_MS);
  const pcm = pcmOf(playlist, 0, playlist.totalSamples);
  const nullServer = ['--engine', 'null', '--vad', 'null', '--requests-per-second-max', '1000000'];
  await using server = await openServer(undefined, [...nullServer, '--max-connections', `${streams + 10}`, ...flags]);
  const url = server.streamUrl;
  const crowd = new Crowd({ url, openAtOnce: 50, openTimeoutMs: OPEN_TIMEOUT_MS, chunkMs: CHUNK_MS, pcm });
  try {
    await crowd.gatherSenders(streams);
    crowd.send();
    await sleep(SETTLE_MS);
    const reader = new PanelReader(server.httpUrl);
    const panel = await costOf(server, { pairs, seconds }, () => {
      reader.start(PANELS);
      return () => reader.stop();
    });
    let scraped = 0;
    const scraping = await costOf(server, { pairs, seconds }, () => {
      const stop = scrape(server.httpUrl, scrapes);
      return () => (scraped += stop());
    });
    const opened = await openingTimes(server.httpUrl, options.openings);
    const troubles = [...crowd.report().troubles].map(([what, count]) => `${what} x ${count}`).join(', ');
    return [
      scalarMetric('serverCores', 'cores', median(panel.without), { better: 'neither', note: 'without the panel' }),
      scalarMetric('panelCores', 'cores', panel.added / PANELS, {
        note: `of one: ${PANELS} together, the median of the differences in CPU time of all processes. Answers of ${Math.round(reader.answerBytes)} bytes`,
        target: atMost('value', 0.01),
      }),
      scalarMetric('scrapeCores', 'cores', scraping.added, {
        note: `${scrapes} scrapes a second; ${scraped} of ${scrapes * seconds * pairs} came back`,
      }),
      ...(opened.length === 0
        ? []
        : [
            distributionMetric('panelOpened', 'ms', distribution(opened), {
              note: 'from the navigation to figures and charts on screen, in headless Chromium on the same machine, nothing cached',
              target: atMost('p95', 1_000),
            }),
          ]),
      scalarMetric('streamsTold', 'streams', reader.samples.at(-1)?.gauges['streams'] ?? 0, {
        better: 'neither',
        note: `of ${streams}`,
      }),
      scalarMetric('connectionsTroubled', 'connections', crowd.report().troubles.size, {
        note: troubles || 'none',
        target: atMost('value', 0),
      }),
    ];
  } finally {
    crowd.leave();
  }
}

/** CPU time of the server in pairs of equal halves, one of them with something that costs; the order turns. */
async function costOf(
  server: BenchServer,
  { pairs, seconds }: Pick<PanelOptions, 'pairs' | 'seconds'>,
  begin: () => () => void,
): Promise<{ readonly without: readonly number[]; readonly added: number }> {
  const without: number[] = [];
  const differences: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const cores = { off: 0, on: 0 };
    for (const half of pair % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)) {
      const end = half === 'on' ? begin() : undefined;
      cores[half] = await coresDuring(server, seconds * 1_000);
      end?.();
    }
    without.push(cores.off);
    differences.push(cores.on - cores.off);
  }
  return { without, added: median(differences) };
}

async function coresDuring(server: BenchServer, forMs: number): Promise<number> {
  const total = async (): Promise<number> => {
    const processes = await server.cpu();
    if (processes === undefined) throw new BenchError('server_failed', 'CPU time needs /proc, and a server that runs.');
    return processes.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
  };
  const [before, startedAt] = [await total(), performance.now()];
  await sleep(forMs);
  return ((await total()) - before) / (performance.now() - startedAt);
}

async function agreement(flags: readonly string[], speakers: number): Promise<Metric[]> {
  const recordings = await loadAudio(await readRecordings(fixturesFolder, ['en']));
  await using server = await openServer(undefined, flags);
  const reader = new PanelReader(server.httpUrl);
  const { streams } = await runStreams(server, {
    playlists: dealPlaylists(recordings, { connections: speakers, gapMs: GAP_MS, rounds: 1, seed: 1 }),
    staggerMs: STAGGER_MS,
    chunkMs: CHUNK_MS,
    language: 'en',
    pace: 1,
  });
  await reader.ask();
  const ended =
    performance.timeOrigin +
    Math.max(...streams.map(({ events, startedAt }) => startedAt + (events.at(-1)?.atMs ?? 0)));
  // The last sample with all streams in it.
  const sample = reader.samples.findLast(({ at }) => at <= ended);
  return sample === undefined ? [] : agreementMetrics(streams, sample);
}
