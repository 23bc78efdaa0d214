// One peer in a process of its own: started, given its clips, timed by when its answers come.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import { BenchError } from '../bench-error.js';
import { comparedText } from '../measure/compared-text.js';
import { repositoryRoot } from '../measure/machine.js';
import type { Peer } from './peers.js';

export interface PeerClip {
  readonly id: string;
  /** WAV, 16 bit, 16 kHz, mono. */
  readonly path: string;
  readonly language: string;
}

export interface PeerRun {
  readonly versions: Readonly<Record<string, string>>;
  /** From the start of the process until the model is loaded, milliseconds. */
  readonly loadMs: number;
  /** Text of each clip as it is compared, and the time it took, milliseconds. */
  readonly answers: ReadonlyMap<string, { readonly text: string; readonly ms: number }>;
  /** Most resident memory of the process. */
  readonly peakBytes: number;
  /** Processor time of all threads for all clips, milliseconds. */
  readonly cpuMs: number;
}

const Answer = v.union([
  v.object({ ready: v.record(v.string(), v.string()) }),
  v.object({ id: v.string(), text: v.string() }),
  v.object({ peakBytes: v.number(), cpuMs: v.number() }),
]);

/** What a peer says on standard error is kept so far for a message, characters. */
const LAST_WORDS_MAX = 2_000;

/** @throws BenchError `peer_failed` with the peer's last words */
export async function runPeer(
  peer: Peer,
  model: string,
  { threads, env }: { readonly threads: number; readonly env: Readonly<Record<string, string>> },
  clips: readonly PeerClip[],
): Promise<PeerRun> {
  const child = spawn(peer.program, [...peer.args], {
    cwd: repositoryRoot,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const startedAt = performance.now();
  let lastWords = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-LAST_WORDS_MAX);
  });
  const failed = (why: string): BenchError => new BenchError('peer_failed', `${peer.name} ${why}: ${lastWords.trim()}`);
  const ended = once(child, 'exit').catch((cause: Error) => {
    throw failed(`could not be started (${cause.message})`);
  });
  ended.catch(() => undefined);
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify({ model, threads, clips }));
  const answers = new Map<string, { text: string; ms: number }>();
  let versions: Record<string, string> | undefined;
  let [loadMs, peakBytes, cpuMs, last] = [0, 0, 0, startedAt];
  for await (const line of createInterface({ input: child.stdout })) {
    const now = performance.now();
    const parsed = v.safeParse(Answer, parseLine(line));
    if (!parsed.success) continue;
    const answer = parsed.output;
    if ('ready' in answer) [versions, loadMs] = [answer.ready, now - startedAt];
    else if ('id' in answer) answers.set(answer.id, { text: answer.text, ms: now - last });
    else ({ peakBytes, cpuMs } = answer);
    last = now;
  }
  const [code] = (await ended) as [number | null];
  if (code !== 0 || versions === undefined || clips.some(({ id }) => !answers.has(id))) {
    throw failed(`did not answer all clips (exit ${code})`);
  }
  for (const { id, language } of clips) {
    const answer = answers.get(id);
    if (answer !== undefined) answer.text = await comparedText(answer.text, language);
  }
  return { versions, loadMs, answers, peakBytes, cpuMs };
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
