// Polish by llama.cpp for real: a llama of random weights, with a chat template and with Sotto's own prompt; inline,
// and in a process of its own.
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import type { HostEvent } from '../../../server/src/native-host/native-host.js';
import { HostedPolisher } from '../../../server/src/polish/llama/host/hosted-polisher.js';
import { LlamaPolisher } from '../../../server/src/polish/llama/llama-polisher.js';
import { readPolishModel, type PolishModel } from '../../../server/src/polish/llama/polish-model.js';
import { polisherContract, REQUEST } from '../../support/polisher-contract.js';
import { isWholeRun } from '../../support/whole-run.js';

const GGUF = fileURLToPath(new URL('../../fixtures/tiny-llama/model.gguf', import.meta.url));
const OPTIONS = { gpuLayers: 0, threads: 1, sequences: 2 };
const anySignal = () => new AbortController().signal;

async function folderWith(t: Test, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-polish-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    if (text === GGUF) await symlink(GGUF, join(folder, name));
    else await writeFile(join(folder, name), text);
  }
  return folder;
}

/** The tiny model as one of Sotto's own. */
async function sottoModel(t: Test): Promise<PolishModel> {
  const manifest = {
    kind: 'polish',
    name: 'tiny',
    modes: ['standard'],
    languages: ['en'],
    promptFormat: 'sotto-polish-v1',
    contextTokens: 4_096,
  };
  return readPolishModel(await folderWith(t, { 'model.gguf': GGUF, 'sotto.json': JSON.stringify(manifest) }));
}

// The quick run has the chat template in a process, below.
if (isWholeRun)
  polisherContract(
    t,
    'llama.cpp inline, by the chat template',
    async () => new LlamaPolisher(await readPolishModel(GGUF), OPTIONS),
  );
polisherContract(
  t,
  "llama.cpp inline, by Sotto's prompt",
  async (t) => new LlamaPolisher(await sottoModel(t), OPTIONS),
);
// A process that dies costs the texts it had; the next text starts another one, which is held to the contract.
polisherContract(t, 'llama.cpp in a process of its own, after a death', async (t) => {
  const events: HostEvent[] = [];
  const options = { backoffMinMs: 1, onEvent: (event: HostEvent) => void events.push(event) };
  const polisher = new HostedPolisher(await readPolishModel(GGUF), OPTIONS, options);
  t.equal(polisher.pid, undefined, 'nothing runs before it is needed');
  t.type(await polisher.polish(REQUEST, { signal: anySignal() }), 'string');
  const { pid } = polisher;
  const run = polisher.polish({ ...REQUEST, text: 'x'.repeat(1_000) }, { signal: anySignal() });
  process.kill(pid ?? 0, 'SIGKILL');
  await t.rejects(run, { name: 'PolisherError', code: 'failed' });
  while (!polisher.isAvailable) await new Promise((resolve) => setTimeout(resolve, 5));
  t.type(await polisher.polish(REQUEST, { signal: anySignal() }), 'string');
  t.not(polisher.pid, pid);
  t.match(events, [{ type: 'loaded' }, { type: 'died', reason: /SIGKILL/ }, { type: 'loaded' }]);
  return polisher;
});

t.test('what a text comes out as does not depend on who shares its runs', async (t) => {
  const polisher = new LlamaPolisher(await readPolishModel(GGUF), { ...OPTIONS, sequences: 3 });
  t.teardown(() => polisher.close());
  const texts = ['good morning', 'what time is it', 'we went home'];
  const polish = (text: string) => polisher.polish({ ...REQUEST, text }, { signal: anySignal() });
  const together = await Promise.all(texts.map(polish));
  const alone: string[] = [];
  for (const text of texts) alone.push(await polish(text));
  t.same(together, alone);
});

t.test('a model that is broken behind its first bytes is told, once, and costs nothing more', async (t) => {
  const model = await readPolishModel(
    join(await folderWith(t, { 'broken.gguf': `GGUF${'x'.repeat(500)}` }), 'broken.gguf'),
  );
  const events: HostEvent[] = [];
  const hosted = new HostedPolisher(model, OPTIONS, { onEvent: (event) => events.push(event) });
  for (const polisher of [new LlamaPolisher(model, OPTIONS), hosted]) {
    await polisher.warmUp();
    t.equal(polisher.isAvailable, false);
    for (let count = 0; count < 3; count++)
      await t.rejects(polisher.polish(REQUEST, { signal: anySignal() }), { code: 'unavailable' });
    await polisher.close();
  }
  t.match(events, [{ type: 'failed' }]);
  t.equal(events.length, 1);
});

t.test('files that are none of a polish model are named', async (t) => {
  const folder = await folderWith(t, {
    'no.gguf': 'nothing',
    'sotto.json': '{"kind":"whisper"}',
  });
  await t.rejects(readPolishModel(join(folder, 'absent.gguf')), {
    code: 'polish_model_invalid',
    message: /absent.gguf is not there/,
  });
  await t.rejects(readPolishModel(join(folder, 'no.gguf')), { message: /no.gguf is not a GGUF file/ });
  await t.rejects(readPolishModel(folder), { message: /sotto.json: kind/ });
  const empty = await folderWith(t, { 'sotto.json': '{"kind":"polish"}' });
  await t.rejects(readPolishModel(empty), { message: /model.gguf cannot be read/ });
  await t.rejects(readPolishModel(await folderWith(t, {})), { message: /sotto.json is not there/ });
  t.match(await sottoModel(t), {
    name: 'tiny',
    modes: ['standard'],
    languages: ['en'],
    promptFormat: 'sotto-polish-v1',
    contextTokens: 4_096,
  });
  t.match(await readPolishModel(GGUF), { name: 'model', promptFormat: 'chat' });
});
