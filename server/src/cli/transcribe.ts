// `sotto transcribe`: audio files or standard input in, the words out, through a server or without one.
import { DEVICE_LIST } from '../asr/devices.js';
import { LIMITS, POLISH_MODES } from '@sotto/protocol';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { TRACK } from '../audio/choose-track.js';
import { ffmpegSetting, useFfmpeg } from '../audio/ffmpeg/find-ffmpeg.js';
import { asCommandError, CommandError } from './command-error.js';
import { collect, rewritingFlags, withRewriting } from './rewriting-flags.js';
import { rawFormat, STANDARD_INPUT, type TranscribeFlags } from './transcribe-flags.js';
import { TRANSCRIPT_FORMATS } from '../captions/transcript-formats.js';
import { transcribeLive } from './transcribe-live.js';
import { transcribeOffline } from './transcribe-offline.js';
import { transcriptName, warn } from './transcribe-output.js';

const DEFAULT_SERVER = 'ws://127.0.0.1:8080/v1/stream';

export function registerTranscribeCommand(program: Command): void {
  const command = program
    .command('transcribe')
    .description('Stream audio to a server and show the words as they are spoken.')
    .argument(
      '<files...>',
      'audio files (wav, flac, mp3, m4a, ogg, opus, webm, amr, mp4); - reads one from standard input, or raw PCM with --raw',
    )
    .addOption(new Option('--server <url>', 'the server').env('SOTTO_SERVER').default(DEFAULT_SERVER))
    .option('--fast', 'as fast as the server accepts it, not at the pace of speech')
    .option('--retry <count>', 'how often in a row to reconnect after a lost connection', wholeNumber(0, 100), 6)
    .option('--json', 'print every event as a line of JSON')
    .addOption(
      new Option('-f, --format <format>', 'print the whole transcript at the end, as').choices(TRANSCRIPT_FORMATS),
    )
    .option(
      '-o, --output-dir <folder>',
      'write each transcript into this folder, named after its file, as fast as can be (needs -f)',
    )
    .option('--language <code>', 'language spoken, such as en, or auto (default: the server decides)')
    .option('--track <track>', 'the sound track of a file with several, by number or language')
    .option('--translate', 'words in English, whatever is spoken')
    .option('--words', 'ask for the time and confidence of every word (see --json, -f)')
    .addOption(
      new Option(
        '--polish <mode>',
        "cleaned-up text: punctuation added, fillers removed, by the server's polisher",
      ).choices(POLISH_MODES),
    )
    .option('--polish-instruction <text>', 'what to do with the text (needs --polish custom)')
    .option('--prompt <text>', 'text that came before, or that sets the style')
    .option('--hotword <text>', 'a name or term to expect; may be given several times', collect);
  withRewriting(command)
    .option('--raw', 'standard input is raw PCM (16-bit, little-endian), no file of a known format')
    .option(
      '--rate <hz>',
      'sample rate of raw PCM, Hz (implies --raw; default: 16000)',
      wholeNumber(LIMITS.sampleRateMin, LIMITS.sampleRateMax),
    )
    .option('--channels <count>', 'channels of raw PCM (implies --raw; default: 1)', wholeNumber(1, LIMITS.channelsMax))
    .option(
      '--separate-channels',
      'hear each channel of a file by itself, as a speaker of its own; of raw PCM too (with --channels)',
    )
    .option('--offline', 'decode whole files in this process, without a server')
    .option('--model <name>', 'installed model for --offline (default: as sotto serve chooses)')
    .option('--devices <list>', 'what --offline runs on: cpu, or GPUs by number: cuda:0,cuda:1 (default: cpu)')
    .addHelpText(
      'after',
      `
Examples:
  sotto transcribe speech.flac
  arecord -q -f S16_LE -r 16000 | sotto transcribe -
  ffmpeg -v error -i rtsp://camera/stream -f wav - | sotto transcribe -
  arecord -q -f S16_LE -r 48000 -t raw | sotto transcribe --rate 48000 -
  sotto transcribe --polish standard talk.wav
  sotto transcribe -f srt -o subtitles talks/*.mp3
  sotto transcribe --offline -f txt interview.wav

Ctrl-C ends the audio and still prints what was said; a second one quits at once.
Exit codes: 0 done, 1 something failed, 2 wrong usage.`,
    )
    .action(async (files: string[], flags: TranscribeFlags) => {
      process.exitCode = await runTranscribe(files, flags);
    });
}

/** Does the work; failures are one line on standard error. Resolves with the exit code. */
async function runTranscribe(files: readonly string[], flags: TranscribeFlags): Promise<number> {
  try {
    checkUsage(files, flags);
    useFfmpeg(ffmpegSetting());
    await (flags.offline ? transcribeOffline(files, flags) : transcribeLive(files, flags));
    return 0;
  } catch (error) {
    const failure = asCommandError(error);
    warn(failure.message);
    return failure.exitCode;
  }
}

/** Flags that do not go together. @throws {CommandError} with exit code 2 */
export function checkUsage(files: readonly string[], flags: TranscribeFlags): void {
  if (files.indexOf(STANDARD_INPUT) !== files.lastIndexOf(STANDARD_INPUT)) {
    throw new CommandError('Standard input can be read once.', 2);
  }
  if (rawFormat(flags) !== undefined && !files.includes(STANDARD_INPUT)) {
    throw new CommandError('--raw, --rate and --channels are for standard input: name it as -.', 2);
  }
  if (flags.separateChannels && flags.channels === undefined && files.includes(STANDARD_INPUT)) {
    const message =
      '--separate-channels hears files, and raw PCM with --channels: of standard input it cannot be told how many there are.';
    throw new CommandError(message, 2);
  }
  if (flags.track !== undefined && !TRACK.test(flags.track)) {
    throw new CommandError(`--track takes a number from 1 or a language such as en, got "${flags.track}".`, 2);
  }
  if (flags.outputDir !== undefined) checkNames(files, flags.outputDir);
  if (flags.outputDir !== undefined && flags.format === undefined) {
    throw new CommandError('--output-dir needs a format: add -f txt, json, srt, vtt or tsv.', 2);
  }
  if (flags.json && flags.format !== undefined) throw new CommandError('Choose one of --json and --format.', 2);
  if ((flags.polish === 'custom') !== (flags.polishInstruction !== undefined)) {
    throw new CommandError('--polish custom and --polish-instruction go together.', 2);
  }
  rewritingFlags(flags);
  if (flags.offline) {
    const isRewriting = Object.keys(rewritingFlags(flags)).length > 0;
    if (isRewriting) throw new CommandError('--replace, --profanity and --redact need a server.', 2);
    if (flags.polish !== undefined) throw new CommandError('--polish needs a server.', 2);
    if (files.includes(STANDARD_INPUT)) throw new CommandError('--offline reads files, not standard input.', 2);
    if (flags.json) throw new CommandError('--offline has no events: use -f json.', 2);
    if (flags.devices !== undefined && !DEVICE_LIST.test(flags.devices)) {
      throw new CommandError(`--devices takes cpu or a list of GPUs such as cuda:0,cuda:1, got "${flags.devices}".`, 2);
    }
  } else if (flags.devices !== undefined) {
    throw new CommandError('--devices is for --offline: a server has its own.', 2);
  } else if (flags.model !== undefined) {
    throw new CommandError('--model is for --offline: a server has its own model.', 2);
  }
  if (!/^(wss?|https?):/.test(flags.server) || !URL.canParse(flags.server)) {
    throw new CommandError(`--server takes a URL such as ${DEFAULT_SERVER}, got ${JSON.stringify(flags.server)}.`, 2);
  }
}

/** Transcripts are named after files. @throws {CommandError} with exit code 2 where one would overwrite another */
function checkNames(files: readonly string[], folder: string): void {
  const byName = new Map<string, string>();
  for (const file of files) {
    // Some file systems know no case.
    const name = transcriptName(file).toLowerCase();
    const other = byName.get(name);
    if (other !== undefined) {
      const message = `${other} and ${file} would have the same transcript in ${folder}: rename one, or give it a folder of its own.`;
      throw new CommandError(message, 2);
    }
    byName.set(name, file);
  }
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}
