// Sotto as a peer among others: the recogniser for whole files in this process, which bench/peers/peer.py says how to
// talk to.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { ModelRegistry } from '@sotto/models';
import { createOfflineTranscriber, decodeAudioFile } from '@sotto/server';
import * as v from 'valibot';
import { describeProvenance } from '../measure/machine.js';

const Job = v.object({
  model: v.string(),
  threads: v.number(),
  clips: v.array(v.object({ id: v.string(), path: v.string(), language: v.string() })),
});

/** As the first argument says: `auto` (int8) where there is none, or `fp32`. */
const precision = v.parse(v.optional(v.picklist(['auto', 'int8', 'fp32'])), process.argv[2]);
const { model, threads, clips } = v.parse(Job, await json(process.stdin));
// A models folder of its own, that holds this model alone.
const models = await mkdtemp(join(tmpdir(), 'bench-peer-'));
try {
  const { name } = await new ModelRegistry(models).add(model, { name: 'peer' });
  const transcriber = await createOfflineTranscriber({ models, model: name, threads, precision });
  const { versions, git } = describeProvenance();
  answer({
    ready: { sotto: `${versions['sotto']} ${git.commit.slice(0, 7)}`, onnxruntime: versions['onnxruntime-node'] },
  });
  const before = process.cpuUsage();
  for (const { id, path, language } of clips) {
    const { samples } = await decodeAudioFile(path);
    const texts: string[] = [];
    for await (const { text } of transcriber.transcribe(samples, { language })) texts.push(text.trim());
    answer({ id, text: texts.filter((text) => text !== '').join(' ') });
  }
  const { user, system } = process.cpuUsage(before);
  const status = await readFile('/proc/self/status', 'utf8');
  const peakBytes = 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  answer({ peakBytes, cpuMs: (user + system) / 1_000 });
  await transcriber.close();
} finally {
  await rm(models, { recursive: true, force: true });
}

function answer(content: object): void {
  process.stdout.write(`${JSON.stringify(content)}\n`);
}
