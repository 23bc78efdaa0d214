// `sotto models`: which models there are, fetching or adding one, checking that it runs, calibrating its padding.
import { realpath } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import {
  hubSettings,
  inspectModel,
  isWhisperSize,
  ModelError,
  ModelRegistry,
  packWhisper,
  pullModel,
  readManifest,
  synthesizeModel,
  WHISPER_SIZES,
  widenModel,
  type InstalledModel,
  type SmallModel,
} from '@sotto/models';
import { InvalidArgumentError, type Command } from 'commander';
import { asCommandError } from './command-error.js';
import { calibrationReport, checkReport, englishOnlyNote, modelTable, wholeWindowNote } from './models-report.js';
import { askServer, withServer } from './server-request.js';
import { showPullProgress } from './pull-progress.js';

interface FolderFlag {
  readonly models?: string;
}

interface CalibrateFlags extends FolderFlag {
  readonly recordings: string;
  readonly language?: string;
  readonly limit?: number;
  readonly tolerance: number;
  readonly threads?: number;
  readonly dryRun?: true;
}

export function registerModelsCommand(program: Command): void {
  const models = program
    .command('models')
    .description('The models of this machine: list, pull, add, check, calibrate.');
  const subcommand = (spec: string, description: string): Command =>
    models
      .command(spec)
      .description(description)
      .option('--models <folder>', 'where installed models are (default: SOTTO_MODELS, else the user data folder)');

  subcommand('list', 'List the installed models.').action(told(list));

  subcommand(
    'pull <repository>',
    'Fetch a Whisper (owner/name) or a GGUF (owner/name:Q4_K_M) from a Hugging Face hub and add it. Resumes where it was cut off.',
  )
    .option('--name <name>', "name in Sotto (default: the repository's)")
    .option('--default', 'use it when no model is named')
    .option('--connections <count>', 'connections at a time', wholeNumber, 6)
    .option('--offline', 'take it from the cache, ask no hub (HF_HUB_OFFLINE)')
    .addHelpText('after', PULL_HELP)
    .action(told(pull));

  subcommand(
    'add <path>',
    'Add a Whisper that you have. A folder in Hugging Face layout stays where it is; other formats are converted once.',
  )
    .option('--name <name>', "name in Sotto (default: the folder's or file's)")
    .option('--default', 'use it when no model is named')
    .addHelpText('after', ADD_HELP)
    .action(told(add));

  subcommand(
    'synth <size> <dir>',
    'Write a model of a known size, as fast as the real one, for measurements: with random weights, which recognise nothing, or with those of a small model.',
  )
    .option(
      '--like <model>',
      'a small installed model, or a folder (./DIR): it is widened, and recognises what that one recognises',
    )
    .option('--seed <number>', 'the same seed gives the same weights', wholeNumber, 1)
    .addHelpText('after', `\nSizes: ${Object.keys(WHISPER_SIZES).join(', ')}\n`)
    .action(told(synthesize));

  subcommand(
    'pack <folder> <dir>',
    'Rewrite a Whisper in Hugging Face layout with its matrices as one-byte integers: half the size, and the form a CPU calculates in.',
  ).action(told(pack));

  withServer(
    models
      .command('use <name>')
      .description(
        'Let a running server recognise with another installed model; nobody is cut off. Needs a key with the scope admin.',
      ),
  ).action(told(use));

  subcommand('check <name>', 'Load a model, run it, and report its size, its contexts and its speed on this machine.')
    .option('--threads <count>', 'threads of one run (default: all cores)', wholeNumber)
    .action(told(check));

  subcommand(
    'calibrate <name>',
    'Find the shortest padding at which a model recognises as well as with its whole window, and keep it.',
  )
    .requiredOption('--recordings <dir>', 'folder with a manifest.jsonl: {"file", "text", "language"} a line')
    .option('--language <code>', 'only recordings of this language (default: all that the model knows)')
    .option('--limit <count>', 'at most this many recordings, spread over the folder (default: all)', wholeNumber)
    .option(
      '--tolerance <share>',
      'additional errors that are accepted, as a share of the errors with the whole window',
      share,
      0.02,
    )
    .option('--threads <count>', 'threads of one run (default: all cores)', wholeNumber)
    .option('--dry-run', 'measure, and change nothing')
    .action(told(runCalibration));
}

const PULL_HELP = `
A revision is named by owner/name@revision. These variables are honoured, as Hugging Face's own tools do:
  HF_ENDPOINT   another hub or a mirror (default https://huggingface.co)
  HF_TOKEN      for models that want one
  HF_HOME       where files are kept (default ~/.cache/huggingface), HF_HUB_CACHE: the cache itself
`;

const ADD_HELP = `
These are taken:
  a folder in Hugging Face layout            config.json, tokenizer.json, model.safetensors
  a CTranslate2 folder, as faster-whisper's  model.bin, config.json, tokenizer.json
  a .pt file of OpenAI's                     read as plain tensors; no code in it is ever run
  a ggml file of whisper.cpp                 f32, f16, q4_0, q4_1, q5_0, q5_1, q8_0
`;

/** Failures that a person can mend are one line. */
function told<Arguments extends unknown[]>(action: (...given: Arguments) => Promise<void>) {
  return async (...given: Arguments): Promise<void> => {
    try {
      await action(...given);
    } catch (error) {
      throw asCommandError(error);
    }
  };
}

function registryOf({ models }: FolderFlag): ModelRegistry {
  return new ModelRegistry(models);
}

async function list(flags: FolderFlag): Promise<void> {
  const registry = registryOf(flags);
  const { models, broken } = await registry.list();
  const serving = await registry.choose();
  print(modelTable(models, serving.name));
  for (const { name, error } of broken) print(`${name} cannot be used: ${error.message}\n`);
  if (serving.isEmbedded)
    print(
      '\nThis is the small model that comes with Sotto. A larger one makes fewer mistakes: npx sotto models pull openai/whisper-large-v3-turbo\n',
    );
}

interface PullFlags extends FolderFlag {
  readonly name?: string;
  readonly default?: true;
  readonly connections: number;
  readonly offline?: true;
}

/** The server reads its own models folder. */
async function use(name: string, { server }: { readonly server: string }): Promise<void> {
  const body = JSON.stringify({ model: name });
  const headers = { 'content-type': 'application/json' };
  await askServer(server, '/v1/model', { method: 'PUT', headers, body });
  print(`${name} serves from now on. After a restart the server chooses as ever: see --model.\n`);
}

async function pull(repository: string, flags: PullFlags): Promise<void> {
  const settings = hubSettings();
  const bar = showPullProgress(process.stderr);
  const pulled = await pullModel(repository, {
    settings: { ...settings, isOffline: settings.isOffline || flags.offline === true },
    connections: flags.connections,
    onProgress: bar.update,
  }).finally(bar.end);
  if (pulled.kind === 'gguf') {
    print(`Pulled ${pulled.id}: ${pulled.main}\n`);
    print(`To polish with it: npx sotto serve --polish-model ${repository}\n`);
    return;
  }
  const model = await registryOf(flags).addPulled(await realpath(pulled.directory), {
    name: flags.name ?? pulled.id.split('/').at(-1) ?? pulled.id,
    default: flags.default ?? false,
  });
  print(`Pulled ${model.name} (${pulled.commit.slice(0, 12)}): ${model.directory}\n`);
  print(englishOnlyNote(model.name, model.files.config));
  print(`To see that it runs, and how fast: npx sotto models check ${model.name}\n`);
}

interface SynthFlags extends FolderFlag {
  readonly like?: string;
  readonly seed: number;
}

async function synthesize(name: string, directory: string, flags: SynthFlags): Promise<void> {
  const { like, seed } = flags;
  if (!isWhisperSize(name)) {
    throw new ModelError('unsupported', `No size "${name}": there are ${Object.keys(WHISPER_SIZES).join(', ')}`);
  }
  const small = like === undefined ? undefined : await smallModel(like, flags);
  if (small) await widenModel(WHISPER_SIZES[name], small, directory, { seed });
  else await synthesizeModel(WHISPER_SIZES[name], directory, { seed });
  const { parameters, weightBytes } = await inspectModel(directory);
  const what = small ? `parameters that recognise what ${small.name} recognises` : 'random parameters';
  print(
    `Wrote ${Math.round(parameters / 1e6)} million ${what} (${Math.round(weightBytes / 1e6)} MB) to ${directory}\n`,
  );
  print(`To use it in benchmarks: npx sotto models add ${directory}\n`);
}

/** An installed model by its name, or any folder. */
async function smallModel(like: string, flags: FolderFlag): Promise<SmallModel> {
  if (!/[\\/]/.test(like)) return registryOf(flags).find(like);
  return { name: basename(resolve(like)), directory: like, manifest: await readManifest(like) };
}

async function add(path: string, flags: FolderFlag & { name?: string; default?: true }): Promise<void> {
  const { name } = flags;
  const bar = showPullProgress(process.stderr);
  const model = await registryOf(flags)
    .add(path, {
      ...(name !== undefined && { name }),
      default: flags.default ?? false,
      onProgress: (written, total) => {
        bar.update({ receivedBytes: written, fetchedBytes: written, totalBytes: total });
      },
    })
    .finally(bar.end);
  print(`Added ${model.name}: ${model.directory}\n`);
  print(wholeWindowNote(model));
  print(englishOnlyNote(model.name, model.files.config));
}

async function pack(folder: string, directory: string): Promise<void> {
  const bar = showPullProgress(process.stderr);
  await packWhisper(folder, directory, (written, total) => {
    bar.update({ receivedBytes: written, fetchedBytes: written, totalBytes: total });
  }).finally(bar.end);
  const { weightBytes } = await inspectModel(directory);
  print(`Wrote ${Math.round(weightBytes / 1e6)} MB to ${directory}\n`);
  print(`To use it: npx sotto models add ${directory}\n`);
}

async function check(name: string, flags: FolderFlag & { threads?: number }): Promise<void> {
  const model = await registryOf(flags).find(name);
  // Loaded only now, as below: the recogniser is large, and a list need not wait for it.
  const { checkModel } = await import('../asr/calibration/check-model.js');
  print(checkReport(model, await checkModel(model, flags.threads)));
}

async function runCalibration(name: string, flags: CalibrateFlags): Promise<void> {
  const model: InstalledModel = await registryOf(flags).find(name);
  const { applyCalibration, calibrate } = await import('../asr/calibration/calibrate.js');
  const { recordings, tolerance, language, limit, threads } = flags;
  const outcome = await calibrate(model, {
    recordings,
    tolerance,
    ...(language !== undefined && { language }),
    ...(limit !== undefined && { limit }),
    ...(threads !== undefined && { threads }),
    onProgress: showProgress,
  });
  print(calibrationReport(model, outcome));
  if (flags.dryRun) return;
  await applyCalibration(model, outcome);
  print(`Written to ${model.home}/sotto.json\n`);
}

function showProgress(done: number): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(done < 1 ? `\rdecoding: ${Math.floor(100 * done)} %` : '\r\x1b[K');
}

function print(text: string): void {
  process.stdout.write(text);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected a whole number of 1 or more.');
  return value;
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('Expected a number from 0 to 1.');
  return value;
}
