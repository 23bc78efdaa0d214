// `bench network`: a model's network alone, on the CPU or a GPU, by context and batch, beside what the hardware could
// do at best.
import { ModelRegistry, WhisperNetwork, type CudaProvider } from '@sotto/models';
import { Option, type Command } from 'commander';
import { gpuOf } from '../engine/gpu.js';
import { describeProvenance } from '../measure/machine.js';
import { promptOf, runNetworkCase, type NetworkTimes } from '../network/network-case.js';
import { networkMetrics } from '../network/network-metrics.js';
import type { Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { numberList, numberWithin, wholeNumber } from './option-values.js';

interface NetworkOptions {
  readonly model?: string;
  readonly models?: string;
  readonly device: string;
  readonly precision: 'fp32' | 'int8';
  readonly stepGraphs: boolean;
  readonly threads?: number;
  readonly contexts: readonly number[];
  readonly batches: readonly number[];
  readonly tokens: number;
  readonly steps: number;
  readonly draft: number;
  readonly rounds: number;
  readonly teraOperations?: number;
  readonly teraBytes?: number;
  readonly remark: readonly string[];
  readonly out?: string;
}

export function registerNetworkCommand(program: Command): void {
  program
    .command('network')
    .description("a model's network alone, by context and batch, beside the hardware's floor")
    .option('--model <name>', 'installed model; else the one that would serve')
    .option('--models <folder>', 'where installed models are')
    .option('--device <name>', 'cpu, or a GPU: cuda:0', 'cpu')
    .addOption(new Option('--precision <name>', 'what the CPU calculates in').choices(['fp32', 'int8']).default('fp32'))
    .option('--no-step-graphs', 'single steps on a GPU without CUDA graphs')
    .option('--threads <count>', 'threads of one run', wholeNumber(1, 256))
    .option('--contexts <list>', 'context lengths, whole seconds', numberList(1, 30), [2, 4, 8, 16, 30])
    .option('--batches <list>', 'batch sizes', numberList(1, 256), [1, 2, 4, 8, 16, 32, 64])
    .option('--tokens <count>', 'text tokens that a window is taken to hold', wholeNumber(1, 224), 120)
    .option('--steps <count>', 'single steps that are measured', wholeNumber(1, 224), 40)
    .option('--draft <count>', 'tokens of the draft', wholeNumber(1, 224), 60)
    .option('--rounds <count>', 'measured runs of every case', wholeNumber(1, 1_000), 5)
    .option('--tera-operations <rate>', "the matrix product's measured ceiling, 1e12/s", numberWithin(0, 1e5))
    .option('--tera-bytes <rate>', "the copy's measured ceiling, 1e12/s", numberWithin(0, 1e5))
    .option('--remark <text>', 'kept with the result; may be repeated', (text, all: string[]) => [...all, text], [])
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it')
    .action(runNetwork);
}

async function runNetwork(options: NetworkOptions): Promise<void> {
  const provenance = describeProvenance();
  const registry = new ModelRegistry(options.models);
  const model = options.model === undefined ? await registry.choose() : await registry.find(options.model);
  const device = deviceOf(options.device);
  const network = await WhisperNetwork.load(model.directory, {
    device,
    ...(device === 'cpu' && { precision: options.precision }),
    ...(!options.stepGraphs && { stepGraphs: false }),
    ...(options.threads !== undefined && { threads: options.threads }),
  });
  const { teraOperations, teraBytes, tokens: textTokens, steps, draft: draftTokens } = options;
  const ceilings =
    teraOperations === undefined || teraBytes === undefined
      ? undefined
      : { operationsPerSecond: teraOperations * 1e12, bytesPerSecond: teraBytes * 1e12 };
  const metrics: Metric[] = [];
  for (const contextSeconds of options.contexts) {
    for (const batch of options.batches) {
      const one = { contextSeconds, batch, steps, draftTokens };
      // The first run of a shape makes its plans and its memory.
      await runNetworkCase(network, one);
      const runs: NetworkTimes[] = [];
      for (let round = 0; round < options.rounds; round++) runs.push(await runNetworkCase(network, one));
      const prompt = promptOf(network).length;
      metrics.push(...networkMetrics(network.config, one, runs, { textTokens, prompt, ceilings }));
    }
  }
  network.close();
  await publish(
    {
      schema: 1,
      bench: 'network',
      provenance,
      settings: {
        model: model.name,
        device: options.device,
        precision: device === 'cpu' ? options.precision : 'fp16',
        stepGraphs: options.stepGraphs && device !== 'cpu',
        tokens: textTokens,
        steps,
        draft: draftTokens,
        rounds: options.rounds,
        teraOperations: teraOperations ?? 'not measured',
        teraBytes: teraBytes ?? 'not measured',
      },
      metrics,
      remarks: options.remark.slice(),
    },
    options.out,
  );
}

function deviceOf(name: string): 'cpu' | CudaProvider {
  const gpu = gpuOf(name);
  return gpu === undefined ? 'cpu' : { name: 'cuda', ...gpu };
}
