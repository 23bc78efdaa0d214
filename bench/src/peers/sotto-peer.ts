// Sotto as a peer among others: the recogniser in this process, for whole files or live, which bench/peers/peer.py says
// how to talk to.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { ModelRegistry } from '@sotto/models';
import { createOfflineTranscriber, decodeAudioFile } from '@sotto/server';
import * as v from 'valibot';
import { Hearing, textOf } from '../hearing/hearing.js';
import { describeProvenance } from '../measure/machine.js';

const Job = v.object({
  model: v.string(),
  threads: v.number(),
  clips: v.array(v.object({ id: v.string(), path: v.string(), language: v.string() })),
});

/** What the first argument says: a precision of whole files, `auto` (int8) where there is none; or `live`. */
const way = v.parse(v.optional(v.picklist(['auto', 'int8', 'fp32', 'live']), 'auto'), process.argv[2]);
/** Finals do not depend on partials, which would take most of the time, milliseconds. */
const PARTIAL_INTERVAL_MS = 10_000;

interface Recogniser {
  readonly hear: (samples: Float32Array, language: string) => Promise<string>;
  readonly close: () => Promise<void>;
}
const { model, threads, clips } = v.parse(Job, await json(process.stdin));
// A models folder of its own, that holds this model alone.
const models = await mkdtemp(join(tmpdir(), 'bench-peer-'));
try {
  const { name } = await new ModelRegistry(models).add(model, { name: 'peer' });
  const { hear, close } = way === 'live' ? await openLive(name) : await openFiles(name, way);
  const { versions, git } = describeProvenance();
  answer({
    ready: { sotto: `${versions['sotto']} ${git.commit.slice(0, 7)}`, onnxruntime: versions['onnxruntime-node'] },
  });
  const before = process.cpuUsage();
  for (const { id, path, language } of clips) {
    const { samples } = await decodeAudioFile(path);
    answer({ id, text: await hear(samples, language) });
  }
  const { user, system } = process.cpuUsage(before);
  const status = await readFile('/proc/self/status', 'utf8');
  const peakBytes = 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  answer({ peakBytes, cpuMs: (user + system) / 1_000 });
  await close();
} finally {
  await rm(models, { recursive: true, force: true });
}

async function openFiles(name: string, precision: 'auto' | 'int8' | 'fp32'): Promise<Recogniser> {
  const transcriber = await createOfflineTranscriber({ models, model: name, threads, precision });
  const hear = async (samples: Float32Array, language: string): Promise<string> => {
    const segments: { readonly text: string }[] = [];
    for await (const segment of transcriber.transcribe(samples, { language })) segments.push(segment);
    return textOf(segments);
  };
  return { hear, close: () => transcriber.close() };
}

async function openLive(name: string): Promise<Recogniser> {
  const hearing = await Hearing.open({ models, model: name, threads });
  const start = { partialIntervalMs: PARTIAL_INTERVAL_MS };
  const hear = async (samples: Float32Array, language: string): Promise<string> =>
    textOf((await hearing.live(samples, { ...start, language })).finals);
  return { hear, close: () => hearing.close() };
}

function answer(content: object): void {
  process.stdout.write(`${JSON.stringify(content)}\n`);
}
