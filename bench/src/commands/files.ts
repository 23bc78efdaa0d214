// `bench files`: whole recordings over HTTP: speed, against the socket, memory over hours, many at once.
import type { Command } from 'commander';
import type { LoadedRecording } from '../audio/playlist.js';
import { loadAudio } from '../audio/load-audio.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { longFileMemory } from '../files/long-file-memory.js';
import { uploadSpeed } from '../files/upload-speed.js';
import { uploadsBesideLive } from '../files/uploads-beside-live.js';
import { upload, wavMaker } from '../files/wav-upload.js';
import { windowBatches } from '../files/window-batches.js';
import { describeProvenance } from '../measure/machine.js';
import type { Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { openServer } from '../server/bench-server.js';
import { wholeNumber } from './option-values.js';

interface FilesOptions {
  readonly recordings: string;
  readonly language: string;
  readonly seconds: number;
  readonly longMinutes: number;
  readonly longFiles: number;
  readonly gapMs: number;
  readonly uploads: number;
  readonly rounds: number;
  readonly batchRounds: number;
  readonly out?: string;
}

export function registerFilesCommand(program: Command): void {
  program
    .command('files')
    .description(
      'whole recordings: speed of an upload and of the same through the socket, memory, many at once beside live streams',
    )
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--language <code>', 'of the recordings', 'en')
    .option('--seconds <s>', 'length of the file that is timed', wholeNumber(10, 36_000), 600)
    .option('--long-minutes <m>', 'length of the file whose memory is watched; 0: none', wholeNumber(0, 1_440), 180)
    .option('--long-files <count>', 'files of that length at once', wholeNumber(1, 100), 1)
    .option('--gap-ms <ms>', 'pause between two recordings of a file', wholeNumber(0, 60_000), 500)
    .option('--uploads <count>', 'uploads of 10 s at once; 0: none', wholeNumber(0, 1_000), 50)
    .option(
      '--rounds <count>',
      'of 16 utterances of the live streams, with and without uploads',
      wholeNumber(1, 100),
      4,
    )
    .option('--batch-rounds <count>', 'of file windows in batches and one by one; 0: none', wholeNumber(0, 100), 2)
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runFiles);
}

async function runFiles(options: FilesOptions): Promise<void> {
  const provenance = describeProvenance();
  const recordings = await loadAudio(await readRecordings(options.recordings, [options.language]));
  const metrics: Metric[] = [
    ...(await overHttp(recordings, options)),
    // Behind the server's: both would want all cores.
    ...(await windowBatches(recordings, options.language, options.batchRounds)),
  ];
  await publish(
    {
      schema: 1,
      bench: 'files',
      provenance,
      settings: {
        seconds: options.seconds,
        longMinutes: options.longMinutes,
        longFiles: options.longFiles,
        gapMs: options.gapMs,
        uploads: options.uploads,
        rounds: options.rounds,
        batchRounds: options.batchRounds,
        recordings: recordings.length,
      },
      metrics,
      remarks: ['The socket is fed by `sotto transcribe --fast`, whose start is counted; the upload by node:http.'],
    },
    options.out,
  );
}

async function overHttp(recordings: readonly LoadedRecording[], options: FilesOptions): Promise<Metric[]> {
  // Each answer is worked for: what was heard before would come from the cache.
  await using server = await openServer(undefined, ['--store', 'none']);
  const wav = wavMaker(recordings, options.gapMs);
  const long = { minutes: options.longMinutes, files: options.longFiles };
  await upload(server, wav(10));
  const idle = await server.usage();
  return [
    ...(await uploadSpeed(server, wav, options.seconds)),
    ...(await longFileMemory(server, wav, long, idle?.pssBytes)),
    ...(await uploadsBesideLive(server, recordings, wav, options.uploads, options.rounds)),
  ];
}
