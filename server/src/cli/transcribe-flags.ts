// The flags of `sotto transcribe` and what its two ways, with and without a server, make of them alike.
import type { AudioFormat, PolishMode, PolishSettings } from '@sotto/protocol';
import type { TrackWish } from '../audio/choose-track.js';
import type { TranscriptFormat } from '../captions/transcript-formats.js';
import type { RewritingFlags } from './rewriting-flags.js';

/** As a file name: standard input. */
export const STANDARD_INPUT = '-';

/** Of 16-bit samples. */
export type RawFormat = Omit<AudioFormat, 'encoding'>;

/** The flags, as commander has parsed them. */
export interface TranscribeFlags extends RewritingFlags {
  readonly server: string;
  readonly fast?: true;
  readonly retry: number;
  readonly json?: true;
  readonly offline?: true;
  readonly model?: string;
  readonly devices?: string;
  readonly format?: TranscriptFormat;
  readonly outputDir?: string;
  readonly language?: string;
  readonly track?: string;
  readonly translate?: true;
  readonly words?: true;
  readonly prompt?: string;
  readonly hotword?: readonly string[];
  readonly polish?: PolishMode;
  readonly polishInstruction?: string;
  readonly raw?: true;
  readonly rate?: number;
  readonly channels?: number;
  readonly separateChannels?: true;
}

/** What standard input is said to be; undefined: a file of any format, told by its first bytes. */
export function rawFormat({ raw, rate, channels }: TranscribeFlags): RawFormat | undefined {
  if (raw === undefined && rate === undefined && channels === undefined) return undefined;
  return { sampleRate: rate ?? 16_000, channels: channels ?? 1 };
}

/** What the recogniser is told. Word times are not among it: only a server has to be asked for them. */
export interface RecognitionFlags {
  readonly language?: string;
  readonly task?: 'transcribe' | 'translate';
  readonly prompt?: string;
  readonly hotwords?: string[];
}

export function recognitionFlags(flags: TranscribeFlags): RecognitionFlags {
  const { language, prompt, hotword } = flags;
  return {
    ...(language !== undefined && { language }),
    ...(prompt !== undefined && { prompt }),
    ...(hotword !== undefined && { hotwords: [...hotword] }),
    ...(flags.translate && { task: 'translate' }),
  };
}

/** Which sound track of a file is heard. */
export function trackWish({ track, language }: TranscribeFlags): TrackWish {
  return { track, language };
}

/** Whether the transcript will show the times of words. */
export function showsWords({ words, format }: TranscribeFlags): boolean {
  return words === true || format === 'srt' || format === 'vtt';
}

/** What is asked of the server's polisher, if anything. */
export function polishFlags({ polish, polishInstruction }: TranscribeFlags): { readonly polish?: PolishSettings } {
  if (polish === undefined) return {};
  return { polish: { mode: polish, ...(polishInstruction !== undefined && { instruction: polishInstruction }) } };
}
