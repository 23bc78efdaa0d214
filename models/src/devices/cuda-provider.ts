// Takes the CUDA provider of ONNX Runtime out of a wheel of onnxruntime-gpu.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import { cudaFolder, cudaProvider, runtimeVersion } from '../onnxruntime/library-file.js';
import { DeviceError } from './device-error.js';

/**
 * The files that belong together: the provider talks to the core through a private interface that checks no version, so
 * core, bridge and provider come from one build. The core keeps the name that its soname says.
 */
const LIBRARIES: ReadonlyMap<string, string> = new Map([
  ['libonnxruntime.so.VERSION', 'libonnxruntime.so.1'],
  ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_shared.so'],
  [cudaProvider, cudaProvider],
]);

export interface InstalledProvider {
  readonly folder: string;
  readonly version: string;
  /** sha256 of each file, hexadecimal. */
  readonly hashes: ReadonlyMap<string, string>;
}

/**
 * Takes the provider and the core of its build out of a wheel of onnxruntime-gpu. Every file is checked against the
 * wheel's own record before any of them is put in place.
 * @throws DeviceError
 */
export async function installCudaProvider(wheel: string, folder = cudaFolder()): Promise<InstalledProvider> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new DeviceError('wrong_platform', 'the CUDA provider of the wheel is for Linux on x86-64 only');
  }
  const zip = await openWheel(wheel);
  try {
    const { entries, version } = await readWheel(zip, wheel);
    const wanted = runtimeVersion();
    if (version !== wanted) {
      throw new DeviceError(
        'wrong_version',
        `${wheel} is of ONNX Runtime ${version}, this Sotto runs on ${wanted}: pip download --no-deps onnxruntime-gpu==${wanted}`,
      );
    }
    const record = await readRecord(zip, entries, wheel);
    await mkdir(dirname(folder), { recursive: true }).catch((cause: unknown) => {
      throw new DeviceError('not_writable', `${dirname(folder)} cannot be written`, { cause });
    });
    const draft = await mkdtemp(`${folder}.new-`);
    try {
      const hashes = new Map<string, string>();
      for (const [name, target] of LIBRARIES) {
        const path = `onnxruntime/capi/${name.replace('VERSION', version)}`;
        const entry = entries.get(path);
        const expected = record.get(path);
        if (entry === undefined || expected === undefined) {
          throw new DeviceError('not_a_wheel', `${wheel} has no ${path}: expected the wheel onnxruntime-gpu for Linux`);
        }
        const hash = await extract(zip, entry, join(draft, target));
        if (hash.base64url !== expected) {
          throw new DeviceError('hash_mismatch', `${path} in ${wheel} is not what its record says: download it again`);
        }
        hashes.set(target, hash.hex);
      }
      await rm(folder, { recursive: true, force: true });
      await rename(draft, folder);
      return { folder, version, hashes };
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  } finally {
    zip.close();
  }
}

async function openWheel(wheel: string): Promise<yauzl.ZipFile> {
  try {
    return await yauzl.openPromise(wheel, { autoClose: false });
  } catch (cause) {
    throw new DeviceError('not_a_wheel', `${wheel} cannot be read as a wheel`, { cause });
  }
}

async function readWheel(
  zip: yauzl.ZipFile,
  wheel: string,
): Promise<{ entries: ReadonlyMap<string, yauzl.Entry>; version: string }> {
  const entries = new Map<string, yauzl.Entry>();
  try {
    for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
  } catch (cause) {
    throw new DeviceError('not_a_wheel', `${wheel} is broken`, { cause });
  }
  const info = [...entries.keys()].find((name) => /^onnxruntime_gpu-[^/]+\.dist-info\/METADATA$/.test(name));
  const entry = info === undefined ? undefined : entries.get(info);
  if (entry === undefined) throw new DeviceError('not_a_wheel', `${wheel} is not a wheel of onnxruntime-gpu`);
  const metadata = await text(zip, entry);
  const version = /^Version: (\d+\.\d+\.\d+)\s*$/m.exec(metadata)?.[1];
  if (version === undefined) throw new DeviceError('not_a_wheel', `${wheel} does not say which version it is`);
  return { entries, version };
}

/** Path to sha256 in base64url, of each file ("Recording installed projects", Python Packaging User Guide). */
async function readRecord(
  zip: yauzl.ZipFile,
  entries: ReadonlyMap<string, yauzl.Entry>,
  wheel: string,
): Promise<Map<string, string>> {
  const name = [...entries.keys()].find((path) => path.endsWith('.dist-info/RECORD'));
  const entry = name === undefined ? undefined : entries.get(name);
  if (entry === undefined) throw new DeviceError('not_a_wheel', `${wheel} has no RECORD`);
  const lines = (await text(zip, entry)).matchAll(/^([^,\n]+),sha256=([\w-]+),\d*$/gm);
  return new Map([...lines].map(([, path = '', hash = '']) => [path, hash]));
}

/** METADATA and RECORD are some ten kilobytes; a wheel that claims more is not read. */
const TEXT_BYTES_MAX = 1 << 20;

async function text(zip: yauzl.ZipFile, entry: yauzl.Entry): Promise<string> {
  if (entry.uncompressedSize > TEXT_BYTES_MAX) throw new DeviceError('not_a_wheel', `${entry.fileName} is too large`);
  const chunks: Buffer[] = [];
  for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function extract(
  zip: yauzl.ZipFile,
  entry: yauzl.Entry,
  target: string,
): Promise<{ hex: string; base64url: string }> {
  const digest = createHash('sha256');
  const tap = new Transform({
    transform: (chunk: Buffer, _, done) => {
      digest.update(chunk);
      done(null, chunk);
    },
  });
  const stream: Readable = await zip.openReadStreamPromise(entry);
  await pipeline(stream, tap, createWriteStream(target, { mode: 0o755 }));
  const hash = digest.digest();
  return { hex: hash.toString('hex'), base64url: hash.toString('base64url') };
}
