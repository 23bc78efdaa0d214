// The command `sotto models` in a process of its own, on a models folder of its own.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { checkpointFile, opcode } from '../../support/foreign/checkpoint-file.js';
import { ctranslate2Model } from '../../support/foreign/ctranslate2-model.js';
import { smallNetwork } from '../../support/foreign/network.js';
import { fixturesFolder, tinyWhisperFolder } from '../../support/fixtures.js';
import { ModelHub } from '../../support/model-hub.js';
import { writeRandomWhisper } from '../../support/random-whisper.js';
import { ServerProcess } from '../../support/server-process.js';
import { smallTokenizer, SPECIAL_NAMES } from '../../support/small-tokenizer.js';
import { SOTTO_ARGUMENTS, SOTTO_ENVIRONMENT } from '../../support/sotto-command.js';
import { isWholeRun, wholeRunOnly } from '../../support/whole-run.js';

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function folder(
  t: Test,
  more: Readonly<Record<string, string>> = {},
): Promise<(...args: string[]) => Promise<Outcome>> {
  const models = await mkdtemp(join(tmpdir(), 'sotto-models-'));
  t.teardown(() => rm(models, { recursive: true }));
  const env = { ...process.env, ...SOTTO_ENVIRONMENT, SOTTO_MODELS: models, ...more };
  return (...args) =>
    new Promise((settle) => {
      execFile(process.execPath, [...SOTTO_ARGUMENTS, 'models', ...args], { env }, (error, stdout, stderr) => {
        settle({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });
}

t.test('list, add, check', async (t) => {
  const sotto = await folder(t);
  t.match(await sotto('list'), {
    code: 0,
    stdout: /\* +whisper-base-adapted.*comes with Sotto[^]*npx sotto models pull openai/,
  });
  t.match(await sotto('add', tinyWhisperFolder, '--name', 'tiny'), { code: 0, stdout: /^Added tiny: / });
  t.match(await sotto('list'), { code: 0, stdout: /\* +tiny +0\.1 M parameters, 226 kB +2, 4, 6, 12, 30 s/ });
  const { code, stdout } = await sotto('check', 'tiny', '--threads', '1');
  t.equal(code, 0);
  t.match(stdout, /languages +en, zh, de\n/);
  t.match(stdout, /Speed with 1 thread /);
  t.match(stdout, /\n30 s +\d+ ms +[\d.]+ x/);
});

t.test('of a model that knows English alone adding and serving say so', async (t) => {
  const models = await mkdtemp(join(tmpdir(), 'sotto-english-'));
  t.teardown(() => rm(models, { recursive: true }));
  const sotto = await folder(t, { SOTTO_MODELS: models });
  const generation = { is_multilingual: false };
  const given = await writeRandomWhisper(join(models, 'given'), { generation });
  const said = /tiny-en knows English alone, and writes English words whatever language it hears\.\n/;
  const added = await sotto('add', given, '--name', 'tiny-en');
  t.match(added, { code: 0, stdout: said });
  const server = await ServerProcess.start(t, ['--models', models, '--model', 'tiny-en']);
  await server.says(said);
  t.match(server.stdout, /\(model tiny-en, cpu\)/);
});

t.test('pull fetches a Whisper from a hub, adds it, and fetches nothing twice', async (t) => {
  const names = await readdir(tinyWhisperFolder);
  const files = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(tinyWhisperFolder, name))] as const)),
  );
  const hub = await ModelHub.start(t, { id: 'someone/Whisper-Tiny', files });
  const home = await mkdtemp(join(tmpdir(), 'sotto-hf-'));
  t.teardown(() => rm(home, { recursive: true }));
  const sotto = await folder(t, { HF_ENDPOINT: hub.endpoint, HF_HOME: home });
  const pulled = await sotto('pull', 'someone/Whisper-Tiny');
  t.match(pulled, { code: 0, stdout: /^Pulled Whisper-Tiny \([0-9a-f]{12}\): .*\nTo see that it runs/ });
  t.match(pulled.stderr, /█ 100 % of 2\d\d kB/);
  t.match(await sotto('list'), { code: 0, stdout: /\* +Whisper-Tiny +0\.1 M parameters/ });
  // Above it was added from a folder.
  if (isWholeRun)
    t.match(await sotto('check', 'Whisper-Tiny', '--threads', '1'), { code: 0 }, 'it runs from the cache');
  hub.seen.length = 0;
  t.match(await sotto('pull', 'someone/Whisper-Tiny'), { code: 0 });
  t.equal(hub.seen.length, 1);
  t.match(await sotto('pull', 'someone/Whisper-Tiny', '--offline', '--name', 'other'), { code: 0 });
  t.match(await sotto('pull', 'someone/else'), { code: 1, stderr: /^sotto: .* answered 404\n$/ });
  t.match(await sotto('pull', '../..'), { code: 1, stderr: /is not the name of a model/ });
});

t.test('a model that understands nothing is not calibrated', wholeRunOnly, async (t) => {
  const sotto = await folder(t);
  await sotto('add', tinyWhisperFolder, '--name', 'tiny');
  const outcome = await sotto('calibrate', 'tiny', '--recordings', fixturesFolder, '--limit', '1', '--threads', '1');
  t.match(outcome, { code: 1, stderr: /^sotto: tiny has an error rate of \d+ % .*nothing was changed\n$/ });
});

t.test("add converts other programs' files, and runs none of what is in them", async (t) => {
  const sotto = await folder(t);
  const given = await mkdtemp(join(tmpdir(), 'sotto-given-'));
  t.teardown(() => rm(given, { recursive: true }));
  const network = smallNetwork(256 + SPECIAL_NAMES.length);
  await writeFile(join(given, 'model.bin'), ctranslate2Model(network));
  await writeFile(join(given, 'tokenizer.json'), JSON.stringify(smallTokenizer([])));
  const added = await sotto('add', given, '--name', 'faster');
  t.match(added, { code: 0, stdout: /^Added faster: .*\n.*padded to 30 s.*models\/train\/adapt/ });
  t.match(added.stderr, /█ 100 % of \d+ kB/, 'with progress');
  t.match(await sotto('list'), { code: 0, stdout: /\* +faster +0\.0 M parameters/ });
  const file = join(given, 'mine.pt');
  await writeFile(file, checkpointFile(network));
  t.match(await sotto('add', file), { code: 0, stdout: /^Added mine: / });
  const pickle = opcode.end(opcode.call(opcode.global('os', 'system'), opcode.text('exit')));
  await writeFile(file, checkpointFile(network, { pickle }));
  t.match(await sotto('add', file, '--name', 'other'), {
    code: 1,
    stderr: /^sotto: .*mine\.pt asks for "os\.system": it holds code .*none of it was run\. .*\n$/,
  });
});

t.test('failures are one line that names what is wrong', async (t) => {
  const sotto = await folder(t);
  t.match(await sotto('check', 'nope'), {
    code: 1,
    stderr: 'sotto: No model "nope": there are whisper-base-adapted\n',
  });
  t.match(await sotto('add', fixturesFolder), { code: 1, stderr: /^sotto: .*config\.json cannot be read\n$/ });
  t.match(await sotto('add', tinyWhisperFolder, '--name', 'a/b'), {
    code: 1,
    stderr: /^sotto: "a\/b" is not a valid name/,
  });
  t.match(await sotto('calibrate', 'whisper-base-adapted', '--recordings', tmpdir(), '--threads', '0'), {
    code: 2,
    stderr: /whole number/,
  });
  t.match(await sotto('calibrate', 'whisper-base-adapted'), { code: 2, stderr: /--recordings/ });
});

// The quick run adds models above.
t.test('the manifest of an added model records the path', wholeRunOnly, async (t) => {
  const sotto = await folder(t);
  const { stdout } = await sotto('add', tinyWhisperFolder);
  const path = stdout.replace('Added tiny-whisper: ', '').trim();
  t.equal(path, tinyWhisperFolder);
  t.match(
    JSON.parse(await readFile(join(path, 'sotto.json'), 'utf8')),
    { tailSilenceMs: 200 },
    'the folder itself is untouched',
  );
});

t.test('pull fetches a GGUF and says how it is used', async (t) => {
  const content = Buffer.alloc(3_000, 'gguf');
  const hub = await ModelHub.start(t, { id: 'someone/Small-GGUF', files: { 'small-q4_k_m.gguf': content } });
  const home = await mkdtemp(join(tmpdir(), 'sotto-hf-'));
  t.teardown(() => rm(home, { recursive: true }));
  const sotto = await folder(t, { HF_ENDPOINT: hub.endpoint, HF_HOME: home });
  const { code, stdout } = await sotto('pull', 'someone/Small-GGUF:Q4_K_M');
  t.equal(code, 0);
  t.match(stdout, /--polish-model someone\/Small-GGUF:Q4_K_M\n$/);
  const [, path = ''] = /^Pulled .*: (.*\.gguf)$/m.exec(stdout) ?? [];
  t.ok(content.equals(await readFile(path)));
});

// The quick run has both in synth.test.ts and widen.test.ts, without the command.
t.test('synth writes a model to measure with, or widens a small one', wholeRunOnly, async (t) => {
  const sotto = await folder(t);
  const work = await mkdtemp(join(tmpdir(), 'sotto-synth-'));
  t.teardown(() => rm(work, { recursive: true }));
  const small = await writeRandomWhisper(join(work, 'small'), {
    type: 'F16',
    encoderHeads: 1,
    decoderHeads: 1,
    generation: { alignment_heads: [[1, 0]] },
  });
  const wide = join(work, 'wide');
  const said = {
    code: 0,
    stdout: /^Wrote 38 million parameters that recognise what small recognises \(75 MB\) to .*wide\n/,
  };
  t.match(await sotto('synth', 'tiny', wide, '--like', small), said, 'a folder');
  const more = join(work, 'more');
  t.match(await sotto('synth', 'tiny', more, '--like', 'whisper-base-adapted'), {
    code: 1,
    stderr:
      'sotto: whisper-base-adapted cannot be widened to this size: it has 512 channels, and 384 are not more by an even number\n',
  });
  t.match(await sotto('synth', 'tiny', more, '--like', 'nobody'), {
    code: 1,
    stderr: 'sotto: No model "nobody": there are whisper-base-adapted\n',
  });
});
