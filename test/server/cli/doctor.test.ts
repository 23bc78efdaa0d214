// The command `sotto doctor`, in a process of its own, as on a machine with and without a CUDA provider.
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { SOTTO_ARGUMENTS, SOTTO_ENVIRONMENT } from '../../support/sotto-command.js';

const packageFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
const core = join(packageFolder, 'bin/napi-v6', process.platform, process.arch, 'libonnxruntime.so.1');

async function doctor(t: Test, ...args: string[]) {
  const cuda = await mkdtemp(join(tmpdir(), 'sotto-doctor-'));
  t.teardown(() => rm(cuda, { recursive: true }));
  const run = (...more: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((settle) => {
      const env = { ...process.env, ...SOTTO_ENVIRONMENT, SOTTO_CUDA: cuda };
      execFile(process.execPath, [...SOTTO_ARGUMENTS, 'doctor', ...args, ...more], { env }, (error, stdout, stderr) => {
        settle({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });
  return { cuda, run };
}

t.test('a machine as it is: the runtime, the driver or its absence, and that the CPU runs', async (t) => {
  const { run } = await doctor(t);
  const { code, stdout } = await run();
  t.equal(code, 0);
  t.match(stdout, /^ONNX Runtime +\d+\.\d+\.\d+ \(.*libonnxruntime/m);
  t.match(stdout, /^NVIDIA driver +\S/m);
  t.match(stdout, /^ffmpeg +(\/|not there)/m);
  t.match(stdout, /^cpu +runs$/m);
  const report = JSON.parse((await run('--json')).stdout) as { trials: { device: string; runs: boolean }[] };
  t.match(report.trials[0], { device: 'cpu', runs: true });
});

t.test(
  'an installed provider is found, and its core is the one that is loaded',
  {
    skip: process.platform === 'linux' ? false : 'the provider is for Linux',
  },
  async (t) => {
    const { cuda, run } = await doctor(t);
    await cp(core, join(cuda, 'libonnxruntime.so.1'));
    await writeFile(join(cuda, 'libonnxruntime_providers_cuda.so'), 'no library at all');
    const { code, stdout } = await run();
    t.equal(code, 0, 'the CPU runs still');
    t.match(stdout, new RegExp(`^ONNX Runtime +\\S+ \\(${cuda}/libonnxruntime\\.so\\.1\\)$`, 'm'));
    t.match(stdout, new RegExp(`^CUDA provider +${cuda}/libonnxruntime_providers_cuda\\.so$`, 'm'));
  },
);

t.test('a wheel that is none is one line', async (t) => {
  const { run } = await doctor(t);
  t.match(await run('--install-cuda', 'nothing.whl'), { code: 1, stderr: /^sotto: .*(wheel|Linux)/ });
});
