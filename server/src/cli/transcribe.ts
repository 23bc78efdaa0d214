// `sotto transcribe`: audio files or standard input in, the words out, through a server or without one.
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { LIMITS } from '@sotto/protocol';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { AudioFileError } from '../audio/audio-errors.js';
import { CommandError } from './command-error.js';
import { fileSource, rawSource, type AudioSource } from './transcribe-audio.js';
import { TRANSCRIPT_FORMATS, wantsWords, type TranscriptFormat } from './transcribe-formats.js';
import { formatOutput, jsonOutput, lineOutput, terminalOutput, type TranscriptOutput } from './transcribe-output.js';
import { streamToServer } from './transcribe-stream.js';

export const DEFAULT_SERVER = 'ws://127.0.0.1:8080/v1/stream';
const STANDARD_INPUT = '-';

/** The flags, as commander has parsed them. */
export interface TranscribeFlags {
  readonly server: string;
  readonly fast?: true;
  readonly json?: true;
  readonly format?: TranscriptFormat;
  readonly outputDir?: string;
  readonly language?: string;
  readonly translate?: true;
  readonly words?: true;
  readonly prompt?: string;
  readonly hotword?: readonly string[];
  readonly rate: number;
  readonly channels: number;
}

export function registerTranscribeCommand(program: Command): void {
  program
    .command('transcribe')
    .description('Stream audio to a server and show the words as they are spoken.')
    .argument('<files...>', 'wav or flac files; - reads raw PCM (16-bit, little-endian) from standard input')
    .addOption(new Option('--server <url>', 'the server').env('SOTTO_SERVER').default(DEFAULT_SERVER))
    .option('--fast', 'as fast as the server takes it, not at the pace of speech')
    .option('--json', 'print every event as a line of JSON')
    .addOption(
      new Option('-f, --format <format>', 'print the whole transcript at the end, as').choices(TRANSCRIPT_FORMATS),
    )
    .option('-o, --output-dir <folder>', 'write each transcript into this folder, named after its file (needs -f)')
    .option('--language <code>', 'language spoken, such as en, or auto (default: the server decides)')
    .option('--translate', 'words in English, whatever is spoken')
    .option('--words', 'ask for the time and confidence of every word (see --json, -f)')
    .option('--prompt <text>', 'text that came before, or that sets the style')
    .option('--hotword <text>', 'a name or term to expect; may be given several times', collect)
    .option(
      '--rate <hz>',
      'sample rate of raw PCM, Hz',
      wholeNumber(LIMITS.sampleRateMin, LIMITS.sampleRateMax),
      16_000,
    )
    .option('--channels <count>', 'channels of raw PCM', wholeNumber(1, LIMITS.channelsMax), 1)
    .addHelpText(
      'after',
      `
Examples:
  sotto transcribe speech.flac
  arecord -q -f S16_LE -r 16000 -t raw | sotto transcribe -
  sotto transcribe --fast -f srt -o subtitles talks/*.wav

Ctrl-C ends the audio and still prints what was said; a second one quits at once.
Exit codes: 0 done, 1 something failed, 2 wrong usage.`,
    )
    .action(async (files: string[], flags: TranscribeFlags) => {
      process.exitCode = await runTranscribe(files, flags);
    });
}

/** Does the work; failures are one line on standard error. Resolves with the exit code. */
export async function runTranscribe(files: readonly string[], flags: TranscribeFlags): Promise<number> {
  try {
    checkUsage(files, flags);
    await transcribeLive(files, flags);
    return 0;
  } catch (error) {
    const failure = asFailure(error);
    warn(failure.message);
    return failure.exitCode;
  }
}

async function transcribeLive(files: readonly string[], flags: TranscribeFlags): Promise<void> {
  const interrupt = new AbortController();
  // Once: the second Ctrl-C finds no handler and ends the process.
  const onInterrupt = () => interrupt.abort();
  process.once('SIGINT', onInterrupt);
  try {
    for (const file of files) {
      if (interrupt.signal.aborted) break;
      await transcribeOne(file, files.length > 1, flags, interrupt.signal);
    }
  } finally {
    process.off('SIGINT', onInterrupt);
    // A recorder that is still writing must not keep us.
    if (files.includes(STANDARD_INPUT)) process.stdin.destroy();
  }
}

async function transcribeOne(
  file: string,
  isOneOfMany: boolean,
  flags: TranscribeFlags,
  signal: AbortSignal,
): Promise<void> {
  const source = openSource(file, flags);
  const written: string[] = [];
  const write = flags.outputDir === undefined ? print : (text: string) => written.push(text);
  const output = chooseOutput(source, isOneOfMany, flags, write);
  const { language, prompt, hotword, format } = flags;
  try {
    await streamToServer(source, {
      server: flags.server,
      fast: flags.fast ?? false,
      settings: {
        ...(language !== undefined && { language }),
        ...(prompt !== undefined && { prompt }),
        ...(hotword !== undefined && { hotwords: [...hotword] }),
        ...(flags.translate && { task: 'translate' }),
        ...((flags.words || wantsWords(format)) && { words: true }),
      },
      onEvent: (event) => output.event(event),
      signal,
    });
  } catch (error) {
    throw isOneOfMany || error instanceof AudioFileError ? asFailure(error, source.name) : error;
  } finally {
    output.end();
  }
  if (flags.outputDir !== undefined && format !== undefined)
    await writeTranscript(flags.outputDir, file, format, written.join(''));
}

function openSource(file: string, flags: TranscribeFlags): AudioSource {
  if (file !== STANDARD_INPUT) return fileSource(file, (message) => warn(`${file}: ${message}`));
  return rawSource(process.stdin, { sampleRate: flags.rate, channels: flags.channels });
}

function chooseOutput(
  source: AudioSource,
  isOneOfMany: boolean,
  flags: TranscribeFlags,
  write: (text: string) => void,
): TranscriptOutput {
  if (flags.json) return jsonOutput(write, isOneOfMany ? source.name : undefined);
  if (flags.format !== undefined) return formatOutput(flags.format, write, warn);
  if (isOneOfMany) write(`==> ${source.name} <==\n`);
  if (!process.stdout.isTTY) return lineOutput(write, warn);
  return terminalOutput(process.stdout, process.env['NO_COLOR'] === undefined || process.env['NO_COLOR'] === '');
}

/** Writes `<folder>/<name of the file>.<format>` and says so. */
export async function writeTranscript(
  folder: string,
  file: string,
  format: TranscriptFormat,
  text: string,
): Promise<void> {
  const path = join(folder, `${file === STANDARD_INPUT ? 'stdin' : basename(file, extname(file))}.${format}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(path, text);
  } catch (cause) {
    throw new CommandError(`Cannot write ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, 1, {
      cause,
    });
  }
  print(`${path}\n`);
}

function checkUsage(files: readonly string[], flags: TranscribeFlags): void {
  if (files.filter((file) => file === STANDARD_INPUT).length > 1)
    throw new CommandError('Standard input can be read once.', 2);
  if (flags.outputDir !== undefined && flags.format === undefined) {
    throw new CommandError('--output-dir needs a format: add -f txt, json, srt or vtt.', 2);
  }
  if (flags.json && flags.format !== undefined) throw new CommandError('Choose one of --json and --format.', 2);
  if (!/^(wss?|https?):/.test(flags.server) || !URL.canParse(flags.server)) {
    throw new CommandError(`--server wants a URL such as ${DEFAULT_SERVER}, got ${JSON.stringify(flags.server)}.`, 2);
  }
}

/** Errors that have a code are told in a line; anything else is a mistake of ours and keeps its stack. */
function asFailure(error: unknown, name?: string): CommandError {
  if (!(error instanceof Error) || !(error instanceof CommandError || 'code' in error)) throw error;
  const message = name === undefined ? error.message : `${name}: ${error.message}`;
  return new CommandError(message, error instanceof CommandError ? error.exitCode : 1, { cause: error });
}

function print(text: string): void {
  process.stdout.write(text);
}

function warn(message: string): void {
  process.stderr.write(`sotto: ${message}\n`);
}

function collect(value: string, all: readonly string[] = []): string[] {
  return [...all, value];
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`A whole number from ${min} to ${max} is wanted.`);
  };
}
