// The zip that `torch.save` writes: a pickle, and each tensor's numbers as a file that is stored as it is.
import yauzl from 'yauzl';
import { ModelError } from '../../model-error.js';
import type { SourceFile } from '../source-file.js';

/** Where a file of the archive lies. */
export interface ArchivedFile {
  readonly offset: number;
  readonly length: number;
}

/** The files of large checkpoints: some 1,300. */
const FILES_MAX = 20_000;

/**
 * The files by their names without the archive's own folder.
 * @throws ModelError `file_invalid` for what is no zip, or a damaged or packed one
 */
export async function readArchive({ path, size }: SourceFile): Promise<ReadonlyMap<string, ArchivedFile>> {
  const files = new Map<string, ArchivedFile>();
  try {
    const zip = await yauzl.openPromise(path, { autoClose: false });
    try {
      for await (const entry of zip.eachEntry()) {
        if (files.size >= FILES_MAX)
          throw new ModelError('file_invalid', `${path} holds more files than any checkpoint`);
        if (entry.compressionMethod !== 0 || entry.compressedSize !== entry.uncompressedSize || entry.isEncrypted()) {
          throw new ModelError('file_invalid', `${path} is a packed zip: torch.save packs nothing`);
        }
        const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
        const length = entry.uncompressedSize;
        if (fileDataStart + length > size)
          throw new ModelError('file_invalid', `${path} is cut off within ${entry.fileName}`);
        files.set(entry.fileName.replace(/^[^/]*\//, ''), { offset: fileDataStart, length });
      }
    } finally {
      zip.close();
    }
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    throw new ModelError('file_invalid', `${path} is cut off or damaged: its zip cannot be read`, { cause });
  }
  return files;
}
