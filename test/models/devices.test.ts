// The devices of a machine, and putting a CUDA provider in place: real wheels (zip files made here), real folders.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inspectDevices, installCudaProvider } from '@sotto/models';
import t, { type Test } from 'tap';
import { byteProductsOf } from '../../models/src/onnxruntime/cpu-features.js';

const run = promisify(execFile);
const { version } = JSON.parse(
  await readFile(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'), 'utf8'),
) as { version: string };
const isWheelPlatform = process.platform === 'linux' && process.arch === 'x64';
const needsWheelPlatform = isWheelPlatform ? {} : { skip: 'the wheel is for Linux on x86-64' };

const CAPI = 'onnxruntime/capi';
const LIBRARIES = [
  `libonnxruntime.so.${version}`,
  'libonnxruntime_providers_shared.so',
  'libonnxruntime_providers_cuda.so',
] as const;

async function temporary(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-devices-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

interface WheelOptions {
  readonly version?: string;
  /** Written in place of what the record says. */
  readonly spoilt?: string;
  readonly without?: string;
  readonly name?: string;
}

/** A wheel of onnxruntime-gpu with a few bytes for libraries. */
async function writeWheel(t: Test, options: WheelOptions = {}): Promise<string> {
  const { version: of = version, name = 'onnxruntime_gpu' } = options;
  const folder = await temporary(t);
  const info = `${name}-${of}.dist-info`;
  const files: Record<string, string> = {
    [`${info}/METADATA`]: `Metadata-Version: 2.4\nName: ${name}\nVersion: ${of}\n`,
  };
  const record: string[] = [];
  for (const library of LIBRARIES) {
    const path = `${CAPI}/${library}`;
    if (library === options.without) continue;
    const hash = createHash('sha256').update(library).digest('base64url');
    record.push(`${path},sha256=${hash},${library.length}`);
    files[path] = library === options.spoilt ? 'other bytes' : library;
  }
  files[`${info}/RECORD`] = `${record.join('\n')}\n${info}/RECORD,,\n`;
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  const script = 'import shutil, sys; shutil.make_archive(sys.argv[1], "zip", sys.argv[2])';
  const target = join(await temporary(t), 'wheel');
  await run('python3', ['-c', script, target, folder]);
  return `${target}.zip`;
}

t.test('this machine runs models on its CPU, and says what it knows of GPUs', async (t) => {
  const report = await inspectDevices();
  t.match(report.trials[0], { device: 'cpu', runs: true });
  t.ok(report.runtime.providers.includes('CPUExecutionProvider'));
  t.match(report.byteProducts.sums, process.arch === 'x64' ? /^(?:dot|pairs)$/ : /^dot$/);
  if (report.driver.isThere) t.ok(report.driver.cudaVersion);
  else t.match(report.driver.reason, /NVIDIA/);
  if (!report.driver.isThere) t.same(report.advice, [], 'a machine without a GPU needs no advice');
});

t.test('the provider of a wheel is put in place, whole', needsWheelPlatform, async (t) => {
  const folder = join(await temporary(t), 'cuda');
  await mkdir(folder);
  await writeFile(join(folder, 'of an older version'), '');
  const installed = await installCudaProvider(await writeWheel(t), folder);
  t.match(installed, { folder, version });
  t.same((await readdir(folder)).sort(), [
    'libonnxruntime.so.1',
    'libonnxruntime_providers_cuda.so',
    'libonnxruntime_providers_shared.so',
  ]);
  t.equal(await readFile(join(folder, 'libonnxruntime.so.1'), 'utf8'), LIBRARIES[0]);
  const hash = createHash('sha256').update(LIBRARIES[2]).digest('hex');
  t.equal(installed.hashes.get('libonnxruntime_providers_cuda.so'), hash);
});

t.test('what is wrong with a wheel is said, and nothing is changed', needsWheelPlatform, async (t) => {
  const parent = await temporary(t);
  const folder = join(parent, 'cuda');
  await installCudaProvider(await writeWheel(t), folder);
  const attempt = async (options: WheelOptions) => installCudaProvider(await writeWheel(t, options), folder);
  await t.rejects(attempt({ version: '1.20.0' }), {
    code: 'wrong_version',
    message: new RegExp(`of ONNX Runtime 1\\.20\\.0.*onnxruntime-gpu==${version.replaceAll('.', '\\.')}`),
  });
  await t.rejects(attempt({ spoilt: LIBRARIES[2] }), { code: 'hash_mismatch', message: /providers_cuda\.so/ });
  await t.rejects(attempt({ without: LIBRARIES[2] }), { code: 'not_a_wheel', message: /has no .*providers_cuda\.so/ });
  await t.rejects(attempt({ name: 'numpy' }), { code: 'not_a_wheel', message: /not a wheel of onnxruntime-gpu/ });
  const text = join(parent, 'text.whl');
  await writeFile(text, 'not a zip');
  await t.rejects(installCudaProvider(text, folder), { code: 'not_a_wheel' });
  await t.rejects(installCudaProvider(join(parent, 'absent.whl'), folder), { code: 'not_a_wheel' });
  t.same(await readdir(parent), ['cuda', 'text.whl'], 'no half-written folder is left');
  t.equal((await readdir(folder)).length, 3);
});

const x64 = (flags: string) => byteProductsOf('x64', `processor: 0\nflags\t\t: fpu avx2 ${flags}\nbugs\t:\n`);
const arm64 = (flags: string) => byteProductsOf('arm64', `processor: 0\nFeatures\t: fp asimd ${flags}\n`);

t.test('products of bytes are chosen by the flags of the CPU', async (t) => {
  t.strictSame(x64('avx512f avx512_vnni'), { sums: 'dot', by: 'avx512_vnni' });
  t.strictSame(x64('avx_vnni'), { sums: 'dot', by: 'avx_vnni' });
  t.strictSame(x64('avx_vnni amx_int8 avx512_vnni'), { sums: 'dot', by: 'amx_int8' }, 'the widest');
  t.strictSame(x64('avx512f'), { sums: 'pairs', by: undefined }, 'AVX2 and AVX-512 without VNNI cut off');
  t.strictSame(byteProductsOf('x64', ''), { sums: 'pairs', by: undefined }, 'nobody tells: the lesser');
  t.strictSame(arm64('asimddp'), { sums: 'dot', by: 'asimddp' });
  t.strictSame(arm64('crc32'), { sums: 'dot', by: undefined }, 'exact with all instructions');
});
