// `sotto doctor`: what this machine can run models on, what is in the way, and what to do about it.
import { inspectDevices, installCudaProvider, type DeviceReport } from '@sotto/models';
import type { Command } from 'commander';
import { ffmpegSetting, findFfmpeg } from '../audio/ffmpeg/find-ffmpeg.js';
import { asCommandError, CommandError } from './command-error.js';
import { VERSION } from '../version.js';

interface DoctorFlags {
  readonly json?: true;
  readonly installCuda?: string;
}

export function registerDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('Report what models can run on here, why not on the GPU, and what would help.')
    .option('--json', 'the report as JSON')
    .option(
      '--install-cuda <wheel>',
      'put the CUDA provider of a wheel of onnxruntime-gpu in place, checked by version and hash',
    )
    .action(doctor);
}

async function doctor(flags: DoctorFlags): Promise<void> {
  try {
    if (flags.installCuda !== undefined) {
      const { folder, version, hashes } = await installCudaProvider(flags.installCuda);
      process.stdout.write(`CUDA provider of ONNX Runtime ${version} is in ${folder}\n`);
      for (const [name, hash] of hashes) process.stdout.write(`  ${name}  sha256 ${hash}\n`);
      process.stdout.write('\n');
    }
    const report = { ...(await inspectDevices()), ffmpeg: findFfmpeg(ffmpegSetting()) ?? null };
    process.stdout.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : doctorReport(report));
    if (!report.trials.some(({ runs }) => runs)) throw new CommandError('Nothing here can run a model.', 1);
  } catch (error) {
    throw asCommandError(error);
  }
}

/** How exact int8 is, and how fast. */
const INT8_BY: Readonly<Record<DeviceReport['byteProducts']['sums'], string>> = {
  dot: 'sums of bytes in 32 bits, which is exact',
  pairs: 'sums of bytes in 16 bits (no VNNI seen): slower, with bytes of 7 bits so that nothing is cut off',
};

export function doctorReport({
  runtime,
  byteProducts,
  driver,
  cudaProvider,
  missing,
  trials,
  advice,
  ffmpeg,
}: DeviceReport & { readonly ffmpeg: string | null }): string {
  const gpus = driver.isThere
    ? driver.gpus.map(
        ({ index, name, memoryBytes, computeCapability }) =>
          `cuda:${index}  ${name}, ${(memoryBytes / 2 ** 30).toFixed(1)} GiB, compute capability ${computeCapability}`,
      )
    : [];
  const facts: readonly (readonly [string, string])[] = [
    ['Sotto', `${VERSION}, Node ${process.versions.node}, ${process.platform} ${process.arch}`],
    ['ONNX Runtime', `${runtime.version} (${runtime.file})`],
    ['providers', runtime.providers.join(', ')],
    ['int8 on the CPU', `${INT8_BY[byteProducts.sums]}${byteProducts.by ? `; fast by ${byteProducts.by}` : ''}`],
    [
      'NVIDIA driver',
      driver.isThere ? `${driver.version || 'version unknown'}, for CUDA up to ${driver.cudaVersion}` : driver.reason,
    ],
    ...gpus.map((gpu) => ['GPU', gpu] as const),
    ['CUDA provider', cudaProvider ?? 'not there'],
    ['ffmpeg', ffmpeg ?? 'not there, or off: AIFF, CAF, W64, MP2, AC-3, MPEG-TS and WMA are refused'],
    ...missing.map((library) => ['missing', library] as const),
    ...trials.map(({ device, runs, reason }) => [device, runs ? 'runs' : `does not run: ${reason ?? ''}`] as const),
  ];
  const width = Math.max(...facts.map(([label]) => label.length));
  const lines = facts.map(([label, fact]) => `${label.padEnd(width)}  ${fact}\n`).join('');
  return advice.length === 0 ? lines : `${lines}\n${advice.map((step) => `${step}\n`).join('')}`;
}
