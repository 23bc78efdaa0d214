// Real recordings, which the project does not commit: a folder with a manifest.jsonl, looked for in one place only.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join, resolve } from 'node:path';
import { readClips, type Clip } from './clips.js';

const besideTheRepository = fileURLToPath(new URL('../../../shared/audio', import.meta.url));

/** `SOTTO_RECORDINGS`, else shared/audio beside the repository. */
export const recordingsFolder = resolve(process.env['SOTTO_RECORDINGS'] || besideTheRepository);

/**
 * The recordings of a language (all without one); none where the folder is absent. For a test's options:
 *
 *   t.test('...', { skip: withoutRecordings }, async (t) => { for (const { path, text } of recordings('en')) ... });
 */
export function recordings(language?: string): Clip[] {
  if (withoutRecordings) return [];
  return readClips(recordingsFolder).filter((clip) => language === undefined || clip.language === language);
}

/** Why tests on real recordings are skipped, or `false` where the recordings are there. */
export const withoutRecordings: string | false = existsSync(join(recordingsFolder, 'manifest.jsonl'))
  ? false
  : `no recordings in ${recordingsFolder}: set SOTTO_RECORDINGS`;
