// What `sotto transcribe` writes while a session runs: a live view, plain lines, JSON events, or a file's format at the
// end.
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { FinalMessage, SessionEvent } from '@sotto/client';
import { messageOf, type PolishedMessage } from '@sotto/protocol';
import { CommandError } from './command-error.js';
import { TerminalView, type Terminal } from './terminal-view.js';
import { STANDARD_INPUT } from './transcribe-flags.js';
import { withSpeaker } from '../captions/speakers.js';
import { formatTranscript, type TranscriptFormat } from '../captions/transcript-formats.js';

/** Takes the events of one source. */
export interface TranscriptOutput {
  event(event: SessionEvent): void;
  /** The session is over, well or not. */
  end(): void;
}

/**
 * Partials growing, finals settling (polished, if that was asked for); errors that do not end the session as lines of
 * their own.
 */
export function terminalOutput(terminal: Terminal, isPolished: boolean, dim: boolean): TranscriptOutput {
  const view = new TerminalView({ terminal, isPolished, dim });
  return {
    event(event) {
      if (event.type === 'error' && !event.fatal) view.note(`(${event.message})`);
      view.event(event);
    },
    end: () => view.end(),
  };
}

/**
 * Finals, one a line, behind their speaker where channels are separate; polished ones where that was asked for, or what
 * there is of them when the session breaks.
 */
export function lineOutput(
  write: (text: string) => void,
  warn: (message: string) => void,
  isPolished = false,
): TranscriptOutput {
  const awaited = new Map<number, string>();
  const line = (text: string): void => write(`${text.trim()}\n`);
  return {
    event(event) {
      if (event.type === 'final' && event.text !== '') {
        if (isPolished) awaited.set(event.segmentId, event.text);
        else line(withSpeaker(event).text);
      }
      if (event.type === 'polished' && event.segmentId !== undefined) {
        awaited.delete(event.segmentId);
        line(event.text);
      }
      if (event.type === 'error' && !event.fatal) warn(event.message);
    },
    end: () => awaited.forEach(line),
  };
}

/** Every event as a line of JSON; `file` names the source where there are several. */
export function jsonOutput(write: (text: string) => void, file: string | undefined): TranscriptOutput {
  return {
    event: (event) => write(`${JSON.stringify(file === undefined ? event : { file, ...event })}\n`),
    end: () => undefined,
  };
}

/** The whole transcript in a file's format when the session is over. */
export function formatOutput(
  format: TranscriptFormat,
  write: (text: string) => void,
  warn: (message: string) => void,
): TranscriptOutput {
  const finals: FinalMessage[] = [];
  let isReady = false;
  return {
    event(event) {
      if (event.type === 'ready') isReady = true;
      if (event.type === 'final') finals.push(event);
      if (event.type === 'polished') replaceText(finals, event);
      if (event.type === 'error' && !event.fatal) warn(event.message);
    },
    end() {
      // Of a session that broke, what was heard; of one that never began, nothing.
      if (isReady) write(formatTranscript(format, finals));
    },
  };
}

/** Polished text stands in place of the recognised one; the times of its words are not known. */
function replaceText(finals: FinalMessage[], { segmentId, text }: PolishedMessage): void {
  const at = finals.findLastIndex((final) => final.segmentId === segmentId);
  const final = finals[at];
  if (final === undefined) return;
  const { words: _, ...rest } = final;
  finals[at] = { ...rest, text };
}

/** What the transcript of a file is called, without its format. */
export function transcriptName(file: string): string {
  return file === STANDARD_INPUT ? 'stdin' : basename(file, extname(file));
}

/** Writes `<folder>/<name of the file>.<format>` and says so. */
export async function writeTranscript(
  folder: string,
  file: string,
  format: TranscriptFormat,
  text: string,
): Promise<void> {
  const path = join(folder, `${transcriptName(file)}.${format}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(path, text);
  } catch (cause) {
    throw new CommandError(`Cannot write ${path}: ${messageOf(cause)}`, 1, {
      cause,
    });
  }
  print(`${path}\n`);
}

export function print(text: string): void {
  process.stdout.write(text);
}

export function warn(message: string): void {
  process.stderr.write(`sotto: ${message}\n`);
}
