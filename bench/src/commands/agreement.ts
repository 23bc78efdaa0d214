// `bench agreement`: whether a device or a precision hears what float32 on the CPU hears.
import { ModelRegistry } from '@sotto/models';
import { WhisperEngine, whisperEngineSpec } from '@sotto/server';
import { Option, type Command } from 'commander';
import { loadAudio } from '../audio/load-audio.js';
import { fixturesFolder, readRecordings } from '../audio/recordings.js';
import { agreementOf, decodeAlone, DRAFTS, sameInBatches, sameWithDraft } from '../engine/agreement.js';
import { gpuOf } from '../engine/gpu.js';
import { describeProvenance } from '../measure/machine.js';
import { scalarMetric, type Metric } from '../report/metric.js';
import { publish } from '../report/result-file.js';
import { numberList, wholeNumber } from './option-values.js';

interface AgreementOptions {
  readonly model?: string;
  readonly models?: string;
  readonly recordings: string;
  readonly language: string;
  readonly limit: number;
  readonly device: string;
  readonly precision: 'auto' | 'fp32' | 'int8';
  readonly batches: readonly number[];
  readonly out?: string;
}

export function registerAgreementCommand(program: Command): void {
  program
    .command('agreement')
    .description('whether a device or a precision hears what float32 on the CPU hears')
    .option('--model <name>', 'installed model; else the one that would serve')
    .option('--models <folder>', 'where installed models are')
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--language <code>', 'of the recordings', 'en')
    .option('--limit <count>', 'the first recordings only', wholeNumber(1, 100_000), 100)
    .option('--device <name>', 'what is compared: cpu, or a GPU: cuda:0', 'cpu')
    .addOption(
      new Option('--precision <name>', 'what the CPU calculates in').choices(['auto', 'fp32', 'int8']).default('auto'),
    )
    .option('--batches <list>', 'batch sizes', numberList(1, 256), [3, 8, 32])
    .option('--out <file.json>', 'writes the result there')
    .action(runAgreement);
}

async function runAgreement(options: AgreementOptions): Promise<void> {
  const provenance = describeProvenance();
  const { language, batches, device, precision } = options;
  const registry = new ModelRegistry(options.models);
  const model = options.model === undefined ? await registry.choose() : await registry.find(options.model);
  const recordings = await loadAudio((await readRecordings(options.recordings, [language])).slice(0, options.limit));
  const most = Math.max(...model.manifest.buckets) * 16_000;
  const windows = recordings.filter(({ text }) => text !== '').map(({ samples }) => samples.subarray(0, most));

  const reference = await WhisperEngine.load(whisperEngineSpec(model, { precision: 'fp32' }).options);
  const wanted = await decodeAlone(reference, windows, language);
  await reference.close();

  const cuda = gpuOf(device);
  const maxBatch = Math.max(...batches);
  const engine = await WhisperEngine.load(
    whisperEngineSpec(model, { precision, maxBatch, ...(cuda && { cuda }) }).options,
  );
  const plain = await decodeAlone(engine, windows, language);
  const { windowsSame, tokens, tokensSame, framesNear, logprobError } = agreementOf(wanted, plain);
  const metrics = [
    share('windowsSame', windowsSame, windows.length),
    share('tokensSame', tokensSame, tokens),
    share('framesNear', framesNear, tokensSame),
    scalarMetric('logprobError', 'nats', logprobError),
  ];
  for (const [name, draft] of Object.entries(DRAFTS)) {
    const same = await sameWithDraft(engine, windows, plain, language, draft);
    metrics.push(share(`draft ${name}: same as without`, same, windows.length));
  }
  for (const batch of batches) {
    const same = await sameInBatches(engine, windows, plain, language, batch);
    metrics.push(share(`batch ${batch}: same as alone`, same, windows.length));
  }
  await engine.close();
  await publish(
    {
      schema: 1,
      bench: 'agreement',
      provenance,
      settings: { model: model.name, device, precision, language, windows: windows.length },
      metrics,
      remarks: [],
    },
    options.out,
  );
}

const share = (name: string, part: number, whole: number): Metric =>
  scalarMetric(name, 'share', part / Math.max(1, whole), { better: 'higher', note: `${part} of ${whole}` });
