// Decodes recordings for a bench: 16 kHz mono, all in memory before anything is measured.
import { messageOf } from '@sotto/protocol';
import { decodeAudioFile } from '@sotto/server';
import { BenchError } from '../bench-error.js';
import type { LoadedRecording } from './playlist.js';
import type { Recording } from './recordings.js';

/** Decodes one after the other. @throws BenchError `bad_recordings` that names the file */
export async function loadAudio(recordings: readonly Recording[]): Promise<LoadedRecording[]> {
  const loaded: LoadedRecording[] = [];
  for (const recording of recordings) {
    const { samples } = await decodeAudioFile(recording.path).catch((cause: unknown) => {
      const why = messageOf(cause);
      throw new BenchError('bad_recordings', `${recording.path} cannot be read: ${why}`, { cause });
    });
    loaded.push({ ...recording, samples });
  }
  return loaded;
}
