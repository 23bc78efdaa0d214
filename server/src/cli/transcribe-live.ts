// Files and standard input through a server, one session after the other.
import { AudioFileError } from '../audio/audio-errors.js';
import { SpeechFound } from '../asr/files/speech-found.js';
import { asCommandError } from './command-error.js';
import { FileProgress } from './file-progress.js';
import { channelsSource, containedSource, fileSource, rawSource, type AudioSource } from './transcribe-audio.js';
import { rewritingFlags } from './rewriting-flags.js';
import {
  polishFlags,
  rawFormat,
  recognitionFlags,
  showsWords,
  STANDARD_INPUT,
  trackWish,
  type TranscribeFlags,
} from './transcribe-flags.js';
import {
  formatOutput,
  jsonOutput,
  lineOutput,
  print,
  terminalOutput,
  warn,
  writeTranscript,
  type TranscriptOutput,
} from './transcribe-output.js';
import { streamToServer } from './transcribe-stream.js';

/** @throws {CommandError} and errors with a code */
export async function transcribeLive(files: readonly string[], flags: TranscribeFlags): Promise<void> {
  const interrupt = new AbortController();
  // Once: the second Ctrl-C finds no handler and ends the process.
  const onInterrupt = () => interrupt.abort();
  process.once('SIGINT', onInterrupt);
  const progress = new FileProgress();
  try {
    for (const file of files) {
      if (interrupt.signal.aborted) break;
      await transcribeOne(file, files.length > 1, flags, interrupt.signal, progress);
    }
    if (flags.outputDir !== undefined) warn(progress.summary());
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
  progress: FileProgress,
): Promise<void> {
  const source = await openSource(file, flags, signal);
  const written: string[] = [];
  const write = flags.outputDir === undefined ? print : (text: string) => written.push(text);
  const output = chooseOutput(source, isOneOfMany, flags, write);
  // Nobody watches words come that go into a file.
  const isUnseen = flags.outputDir !== undefined && !source.isLive;
  if (isUnseen) progress.begin(source.name);
  let heardMs = 0;
  const speech = new SpeechFound();
  try {
    await streamToServer(source, {
      server: flags.server,
      fast: flags.fast === true || isUnseen,
      retries: flags.retry,
      settings: {
        ...recognitionFlags(flags),
        ...polishFlags(flags),
        ...(showsWords(flags) && { words: true }),
        ...rewritingFlags(flags),
        ...(flags.separateChannels && { channels: 'separate' }),
      },
      onEvent: (event) => {
        if (event.type === 'reconnecting' && event.attempt === 1)
          warn('The connection was lost; it is being made again.');
        if (event.type === 'final') {
          heardMs = event.endMs;
          speech.add(event);
        }
        if (isUnseen) progress.heard(heardMs, source.file?.estimatedMs);
        output.event(event);
      },
      signal,
    });
  } catch (error) {
    throw isOneOfMany || error instanceof AudioFileError ? asCommandError(error, source.name) : error;
  } finally {
    if (isUnseen) progress.done(source.file?.decodedMs ?? 0);
    output.end();
  }
  const hardlyAny = speech.warning(source.file?.decodedMs ?? 0);
  if (hardlyAny !== undefined && !signal.aborted) warn(`${source.name}: ${hardlyAny}`);
  const { outputDir, format } = flags;
  if (outputDir !== undefined && format !== undefined) await writeTranscript(outputDir, file, format, written.join(''));
}

async function openSource(file: string, flags: TranscribeFlags, signal: AbortSignal): Promise<AudioSource> {
  if (file !== STANDARD_INPUT) {
    const open = flags.separateChannels ? channelsSource : fileSource;
    return open(file, trackWish(flags), (message) => warn(`${file}: ${message}`));
  }
  const raw = rawFormat(flags);
  if (raw !== undefined) return rawSource(process.stdin, raw);
  // What Ctrl-C cuts off is not damaged.
  return containedSource(
    process.stdin,
    trackWish(flags),
    (message) => signal.aborted || warn(`standard input: ${message}`),
  );
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
  const isPolished = flags.polish !== undefined;
  if (!process.stdout.isTTY) return lineOutput(write, warn, isPolished);
  return terminalOutput(
    process.stdout,
    isPolished,
    process.env['NO_COLOR'] === undefined || process.env['NO_COLOR'] === '',
  );
}
