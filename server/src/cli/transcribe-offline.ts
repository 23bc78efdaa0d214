// Whole files without a server: the recogniser in this process.
import { decodeAudioFile } from '../audio/audio-file.js';
import type { OfflineTranscriber } from '../asr/offline-transcriber.js';
import { asCommandError } from './command-error.js';
import type { TranscriptSegment } from '../captions/cues.js';
import { recognitionFlags, showsWords, type TranscribeFlags } from './transcribe-flags.js';
import { formatTranscript } from '../captions/transcript-formats.js';
import { print, warn, writeTranscript } from './transcribe-output.js';

/** @throws {CommandError} and errors with a code */
export async function transcribeOffline(files: readonly string[], flags: TranscribeFlags): Promise<void> {
  // Loaded only now: the recogniser is large, and with a server it is not needed.
  const { createOfflineTranscriber } = await import('../asr/offline-transcriber.js');
  const transcriber = await createOfflineTranscriber({
    ...recognitionFlags(flags),
    ...(flags.model !== undefined && { model: flags.model }),
  });
  try {
    for (const file of files) {
      await transcribeFile(transcriber, file, files.length > 1, flags).catch((error: unknown) => {
        throw asCommandError(error, file);
      });
    }
  } finally {
    await transcriber.close();
  }
}

async function transcribeFile(
  transcriber: OfflineTranscriber,
  file: string,
  isOneOfMany: boolean,
  flags: TranscribeFlags,
): Promise<void> {
  const { format = 'txt', outputDir } = flags;
  const { samples, warnings } = await decodeAudioFile(file);
  for (const { message } of warnings) warn(`${file}: ${message}`);
  if (isOneOfMany && outputDir === undefined && format === 'txt') print(`==> ${file} <==\n`);
  // Lines of text need not wait for the end of the file.
  const asTheyCome = format === 'txt' && outputDir === undefined;
  const segments: TranscriptSegment[] = [];
  for await (const { words, ...rest } of transcriber.transcribe(samples)) {
    const segment = showsWords(flags) ? { ...rest, words: [...words] } : rest;
    if (asTheyCome) print(formatTranscript('txt', [segment]));
    else segments.push(segment);
  }
  if (outputDir !== undefined) await writeTranscript(outputDir, file, format, formatTranscript(format, segments));
  else if (!asTheyCome) print(formatTranscript(format, segments));
}
