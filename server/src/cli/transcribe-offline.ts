// Whole files without a server: the recogniser in this process.
import type { OfflineTranscriber } from '../asr/files/offline-transcriber.js';
import { separateChannels } from '../asr/files/separate-channels.js';
import { SpeechFound } from '../asr/files/speech-found.js';
import type { AudioFileWarning } from '../audio/audio-errors.js';
import { asCommandError } from './command-error.js';
import { FileProgress } from './file-progress.js';
import { MeasuredFile } from './measured-file.js';
import type { TranscriptSegment } from '../captions/cues.js';
import { recognitionFlags, showsWords, trackWish, type TranscribeFlags } from './transcribe-flags.js';
import { formatTranscript } from '../captions/transcript-formats.js';
import { print, warn, writeTranscript } from './transcribe-output.js';

/** @throws {CommandError} and errors with a code */
export async function transcribeOffline(files: readonly string[], flags: TranscribeFlags): Promise<void> {
  // Loaded only now: the recogniser is large, and with a server it is not needed.
  const { createOfflineTranscriber } = await import('../asr/files/offline-transcriber.js');
  const transcriber = await createOfflineTranscriber({
    ...recognitionFlags(flags),
    ...(flags.model !== undefined && { model: flags.model }),
    ...(flags.devices !== undefined && { devices: flags.devices }),
  });
  const progress = new FileProgress();
  try {
    for (const file of files) {
      await transcribeFile(transcriber, file, files.length > 1, flags, progress).catch((error: unknown) => {
        progress.clear();
        throw asCommandError(error, file);
      });
    }
    if (flags.outputDir !== undefined) warn(progress.summary());
  } finally {
    await transcriber.close();
  }
}

async function transcribeFile(
  transcriber: OfflineTranscriber,
  file: string,
  isOneOfMany: boolean,
  flags: TranscribeFlags,
  progress: FileProgress,
): Promise<void> {
  const { format = 'txt', outputDir } = flags;
  if (isOneOfMany && outputDir === undefined && format === 'txt') print(`==> ${file} <==\n`);
  // Lines of text need not wait for the end of the file.
  const asTheyCome = format === 'txt' && outputDir === undefined;
  const segments: TranscriptSegment[] = [];
  const say = (message: string): void => {
    progress.clear();
    warn(`${file}: ${message}`);
  };
  const said = new Set<string>();
  const onWarning = ({ message }: AudioFileWarning): void => {
    // Each channel is decoded, and warned of, by itself.
    if (!said.has(message)) say(message);
    said.add(message);
  };
  const audio = new MeasuredFile(file, onWarning, 'process', trackWish(flags));
  const speech = new SpeechFound();
  progress.begin(file);
  const onProgress = (heardMs: number): void => progress.heard(heardMs, audio.estimatedMs);
  const hear = (channel?: number) => transcriber.transcribe(audio.blocks(channel), { onProgress });
  const heard = flags.separateChannels ? separateChannels(hear) : hear();
  for await (const { words, tokens: _, ...rest } of heard) {
    speech.add(rest);
    const segment = showsWords(flags) ? { ...rest, words: [...words] } : rest;
    if (asTheyCome) {
      progress.clear();
      print(formatTranscript('txt', [segment]));
    } else {
      segments.push(segment);
    }
  }
  progress.done(audio.decodedMs);
  const hardlyAny = speech.warning(audio.decodedMs);
  if (hardlyAny !== undefined) say(hardlyAny);
  if (outputDir !== undefined) await writeTranscript(outputDir, file, format, formatTranscript(format, segments));
  else if (!asTheyCome) print(formatTranscript(format, segments));
}
