// Every command of the README, typed as it stands there. (Those of the quickstart: test/web/guide.test.ts.)
import { copyFile, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { commandsIn } from '../../support/document-commands.js';
import { fixture, fixtureSamples, tinyWhisperFolder } from '../../support/fixtures.js';
import { freePort } from '../../support/free-port.js';
import { ModelHub } from '../../support/model-hub.js';
import { runSotto } from '../../support/run-command.js';
import { ServerProcess } from '../../support/server-process.js';
import { writeSmallModel } from '../../support/small-model.js';
import { s16le, wavFile } from '../../support/wav-file.js';
import { wholeRunOnly } from '../../support/whole-run.js';

t.setTimeout(600_000);

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const HUB_MODEL = 'openai/whisper-large-v3-turbo';

t.test('both READMEs name the same commands', async (t) => {
  const english = new Set((await commandsIn('README.md')).map((line) => line.replace('budget', '预算')));
  const chinese = new Set(await commandsIn('README.zh-CN.md'));
  t.ok(chinese.size > 10);
  for (const command of chinese) t.ok(english.has(command), command);
});

t.test("the README's commands do what it says", wholeRunOnly, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-readme-'));
  const speech = s16le(await fixtureSamples('en-bakery'));
  await writeFile(join(folder, 'talk.wav'), wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, speech));
  for (const kind of ['mp3', 'm4a']) {
    await copyFile(join(ROOT, `test/fixtures/audio/formats/speech.${kind}`), join(folder, `talk.${kind}`));
  }
  const small = await writeSmallModel(join(folder, 'small'), { extraBytes: 1_000 });
  const files = Object.fromEntries(
    await Promise.all(
      ['config.json', 'tokenizer.json', 'model.safetensors'].map(
        async (name) => [name, await readFile(join(small, name))] as const,
      ),
    ),
  );
  const hub = await ModelHub.start(t, { id: HUB_MODEL, files });
  const store = { SOTTO_STORE: 'lmdb', SOTTO_DATA_DIR: join(folder, 'data') };
  const server = await ServerProcess.start(t, [], store);
  const env = {
    SOTTO_SERVER: server.http,
    SOTTO_MODELS: join(folder, 'models'),
    SOTTO_DATA_DIR: join(folder, 'keys'),
    HF_ENDPOINT: hub.endpoint,
    HF_HOME: join(folder, 'hub'),
  };
  for (const command of new Set(await commandsIn('README.md'))) {
    const [program = '', ...words] = command.split(' ');
    // npm's own: CI begins with them, and this test is one of them.
    if (program === 'npm') continue;
    if (program === 'curl') {
      const [, name = '', model = '', path = ''] =
        /-F file=@(\S+) -F model=(\S+) localhost:8080(\S+)$/.exec(command) ?? [];
      const form = new FormData();
      form.set('file', new Blob([Uint8Array.from(await readFile(join(folder, name)))]), name);
      form.set('model', model);
      const answer = await fetch(server.http + path, { method: 'POST', body: form });
      t.match(await answer.json(), { text: /\w/ }, command);
      continue;
    }
    const args = words.slice(1).map(argument);
    if (args[0] === 'serve' && !args.includes('--help')) {
      // Another port than the reader's, since several tests run at a time.
      const port = await freePort();
      const other = await ServerProcess.start(
        t,
        args.slice(1).map((word) => (word === '10300' ? port : word)),
      );
      t.match(other.stdout, /listening/, command);
      continue;
    }
    const live = args[0] === 'transcribe' && !args.includes('--offline') ? ['--server', server.url] : [];
    const { code, stdout, stderr } = await runSotto([...args, ...live], {
      env,
      cwd: folder,
      ...(args[0] === 'mcp' ? { input: new Uint8Array() } : {}),
    }).result;
    t.equal(code, 0, `${command}: ${stderr}`);
    if (args[0] === 'transcribe' || args.includes('--help')) t.match(stdout, /\w/, command);
  }
});

/** A word of a command, with what is there in the place of what a reader has. */
function argument(word: string): string {
  if (word === 'OWNER/NAME') return HUB_MODEL;
  if (word === 'PATH') return tinyWhisperFolder;
  return word.startsWith('test/') ? fixture(basename(word).replace(/\.\w+$/, '')) : word;
}
