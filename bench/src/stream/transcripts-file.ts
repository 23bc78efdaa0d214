// What was heard in each recording, as a file to read beside the error rate.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { scoreText } from '@sotto/models';
import type { Hypothesis } from './hypotheses.js';

/**
 * Writes one JSON line a recording and mode: id, mode, errors (words or characters), the text that was said and the
 * text that was heard.
 */
export async function writeTranscripts(
  path: string,
  modes: Readonly<Record<string, readonly Hypothesis[]>>,
): Promise<void> {
  const lines = Object.entries(modes).flatMap(([mode, heard]) =>
    heard.map(({ recording: { id, text: said, language }, text }) => {
      const { substitutions, deletions, insertions, reference } = scoreText(said, text, language);
      return JSON.stringify({ id, mode, errors: substitutions + deletions + insertions, reference, said, heard: text });
    }),
  );
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${lines.join('\n')}\n`);
}
