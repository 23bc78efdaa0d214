// Recordings to measure on: a folder with a manifest.jsonl, one line of file, text and language each.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { CalibrationError } from './calibration-error.js';

const Line = v.object({
  file: v.pipe(v.string(), v.minLength(1)),
  text: v.string(),
  language: v.optional(v.string(), 'en'),
});

export interface TranscribedRecording {
  /** Path of the audio file. */
  readonly path: string;
  /** What is said in it. */
  readonly text: string;
  readonly language: string;
}

/** @throws CalibrationError `bad_recordings` that names the line and the key */
export async function readRecordingsFolder(folder: string): Promise<TranscribedRecording[]> {
  const manifest = join(folder, 'manifest.jsonl');
  const text = await readFile(manifest, 'utf8').catch((cause: unknown) => {
    throw new CalibrationError(
      'bad_recordings',
      `${manifest} cannot be read: expected one line of {file, text, language} for each recording`,
      {
        cause,
      },
    );
  });
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const { file, ...rest } = parseLine(line, `${manifest}:${index + 1}`);
    return [{ ...rest, path: join(folder, file) }];
  });
}

function parseLine(line: string, where: string): v.InferOutput<typeof Line> {
  try {
    return v.parse(Line, JSON.parse(line));
  } catch (cause) {
    const why = v.isValiError(cause) ? `${v.getDotPath(cause.issues[0]) ?? 'line'}: ${cause.message}` : 'not JSON';
    throw new CalibrationError('bad_recordings', `${where}: ${why}`, { cause });
  }
}
