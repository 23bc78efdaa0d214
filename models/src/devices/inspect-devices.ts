// What this machine can run models on, and what is in the way where it cannot.
import { messageOf } from '@sotto/protocol';
import { dirname } from 'node:path';
import { OrtEnvironment, OrtSession } from '../onnxruntime/index.js';
import { libraryFile, providerBeside, runtimeVersion } from '../onnxruntime/library-file.js';
import { GraphBuilder } from '../whisper/graph-builder.js';
import { byteProducts, type ByteProducts } from '../onnxruntime/cpu-features.js';
import { missingLibraries, packagesFor } from './missing-libraries.js';
import { inspectNvidiaDriver, type NvidiaDriver } from './nvidia-driver.js';

/** Whether a model can be loaded and run there. */
export interface DeviceTrial {
  /** As the server's settings name it: `cpu`, `cuda:0`. */
  readonly device: string;
  readonly runs: boolean;
  /** Why not, in the words of the library. */
  readonly reason?: string;
}

export interface DeviceReport {
  readonly runtime: { readonly file: string; readonly version: string; readonly providers: readonly string[] };
  /** What the CPU multiplies the bytes of `--precision int8` with. */
  readonly byteProducts: ByteProducts;
  readonly driver: NvidiaDriver;
  /** The CUDA provider's file; absent where there is none beside the runtime. */
  readonly cudaProvider?: string;
  /** Libraries that the provider wants and the system cannot find. */
  readonly missing: readonly string[];
  readonly trials: readonly DeviceTrial[];
  /** What would bring the GPU to work, step by step; empty where everything runs, or there is no GPU. */
  readonly advice: readonly string[];
}

/** CUDA 13 needs this driver at least (CUDA Toolkit release notes, table of minimum versions). */
const DRIVER_MIN = 580;

/** Loads ONNX Runtime and tries every device. @throws OrtError where not even the CPU's library can be loaded */
export async function inspectDevices(): Promise<DeviceReport> {
  const file = libraryFile();
  const { version, availableProviders } = OrtEnvironment.shared;
  const driver = await inspectNvidiaDriver();
  const provider = providerBeside(file);
  const missing = provider === undefined ? [] : await missingLibraries(provider);
  const gpus = driver.isThere ? driver.gpus : [];
  const trials = [await tryDevice('cpu')];
  if (provider !== undefined) for (const { index } of gpus) trials.push(await tryDevice(`cuda:${index}`, index));
  const report = {
    runtime: { file, version, providers: availableProviders },
    byteProducts: await byteProducts(),
    driver,
    ...(provider === undefined ? {} : { cudaProvider: provider }),
    missing,
    trials,
  };
  return { ...report, advice: adviceFor(report) };
}

/** A graph that also wants cuDNN on a GPU, run once: a reduction. */
async function tryDevice(device: string, cuda?: number): Promise<DeviceTrial> {
  const graph = new GraphBuilder('trial');
  const x = graph.input('x', 'float32', [2, 2]);
  const largest = graph.op('ReduceMax', [graph.op('Add', [x, x]), graph.integers(0, 1)], { keepdims: 0 });
  graph.output('y', largest, 'float32', []);
  try {
    const session = await OrtSession.load(graph.build().model, {
      intraOpThreads: 1,
      ...(cuda === undefined ? {} : { providers: [{ name: 'cuda', deviceId: cuda }] }),
    });
    try {
      const { y } = await session.run({ x: { type: 'float32', dims: [2, 2], data: Float32Array.of(1, 21, 3, 4) } }, [
        'y',
      ]);
      const result = y?.data[0];
      return result === 42 ? { device, runs: true } : { device, runs: false, reason: `21 + 21 gave ${String(result)}` };
    } finally {
      session.close();
    }
  } catch (error) {
    return { device, runs: false, reason: messageOf(error) };
  }
}

function adviceFor({ driver, cudaProvider, missing, trials }: Omit<DeviceReport, 'advice'>): string[] {
  if (!driver.isThere || driver.gpus.length === 0) return [];
  const advice: string[] = [];
  const major = Number.parseInt(driver.version, 10);
  if (major < DRIVER_MIN) {
    advice.push(`Driver ${driver.version} is too old for CUDA 13: install ${DRIVER_MIN} or newer.`);
  }
  if (cudaProvider === undefined) {
    const version = runtimeVersion();
    advice.push(
      `Bring the CUDA provider: pip download --no-deps onnxruntime-gpu==${version}, then npx sotto doctor --install-cuda onnxruntime_gpu-${version}-*.whl`,
      'Or, where the machine may download from the internet, the one for CUDA 12: npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12',
    );
  }
  if (missing.length > 0) {
    advice.push(
      `Install the CUDA toolkit and cuDNN 9, or the libraries alone: pip install ${packagesFor(missing).join(' ')}`,
      'and name their folders in LD_LIBRARY_PATH before the server starts (site-packages/nvidia/**/lib).',
    );
  }
  const broken = trials.find(({ runs, device }) => !runs && device !== 'cpu');
  if (broken !== undefined && missing.length === 0 && advice.length === 0) {
    advice.push(
      `${broken.device} does not run though its libraries are there; beside ${dirname(cudaProvider ?? '')} must be files of one build only.`,
    );
  }
  return advice;
}
