// Two nodes behind one Redis that serve different models, as in the middle of an upgrade: a session that moves keeps
// its words, and a node whose model does not know its language leaves it to others.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { RoamingClient } from '../../../bench/src/nodes/roaming-client.js';
import { markedTalk } from '../../support/marked-talk.js';
import { startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { MARKED, ServerProcess, TINY } from '../../support/server-process.js';
import { connectWire, type WireClient } from '../../support/wire-client.js';

t.setTimeout(300_000);

const RATE = 16_000;
/** Audio that a client lets wait, milliseconds. */
const LAG_MS_MAX = 2_000;
const START = {
  type: 'start',
  audio: { encoding: 'pcm_s16le', sampleRate: RATE, channels: 1 },
  keepsAudio: true,
} as const;

interface Kept {
  readonly state: string;
  readonly model: string;
  readonly audioMs: number;
  readonly segments: readonly { readonly segmentId: number; readonly text: string }[];
}

/** Once it is complete: that is written behind `stopped`. */
async function transcript({ http }: ServerProcess, id: string): Promise<Kept> {
  for (;;) {
    const kept = (await (await fetch(`${http}/v1/transcripts/${id}`)).json()) as Kept;
    if (kept.state === 'complete') return kept;
    await delay(10);
  }
}

t.test('two models', { skip: WITHOUT_REDIS }, async (t) => {
  const redis = await startRedis(t);
  const flags = ['--polish', 'off', '--store', 'redis', '--redis-url', redis.url];
  // The one knows English and hears numbers, the other knows German and Chinese too and hears anything.
  const [english, many] = await Promise.all([
    ServerProcess.start(t, [...MARKED, ...flags]),
    ServerProcess.start(t, [...TINY, ...flags]),
  ]);

  await t.test(
    'there and back: what the first model heard stays, and each part has the words of its model',
    async (t) => {
      const { samples, words } = await markedTalk(['en-recipe', 'en-bakery', 'en-recipe', 'en-bakery', 'en-recipe']);
      let { url } = english;
      const client = new RoamingClient(() => url, samples);
      const running = client.run(3);
      /** Once words of its node are kept: those are told for good. */
      const move = async (to: ServerProcess) => {
        const from = client.keepFrom;
        const heard = client.finals.size;
        while (client.keepFrom <= from || client.finals.size <= heard) await delay(5);
        const told = new Map([...client.finals].map(([id, { text }]) => [id, text]));
        const { moves } = client;
        ({ url } = to);
        client.cut();
        while (client.moves === moves) await delay(5);
        // What the move did not make void.
        const stayed = [...told].filter(([id]) => client.finals.has(id));
        t.ok(stayed.length > 0);
        return new Map(stayed);
      };
      const before = await move(many);
      const between = await move(english);
      const { audioMs } = await running;
      t.same([client.restarts, client.freshRestarts, client.moves, client.doubled], [0, 0, 2, 0]);
      t.equal(audioMs, Math.round(samples.length / 16), 'one total');
      for (const [id, text] of [...before, ...between])
        t.equal(client.finals.get(id)?.text, text, `segment ${id} stays`);
      const first = [...before.values()].join(' ').trim().split(/\s+/);
      t.strictSame(first, words.slice(0, first.length), 'the words of the first part, each once');
      const last = client.text.split(' ').slice(-5);
      t.strictSame(last, words.slice(-last.length), 'and those of the last one');
      const kept = await transcript(many, client.sessionId);
      t.equal(kept.audioMs, audioMs);
      t.equal(kept.model, 'marked', 'the one that it began with');
      t.strictSame(
        kept.segments.map(({ segmentId, text }) => [segmentId, text]),
        [...client.finals.values()]
          .toSorted((a, b) => a.segmentId - b.segmentId)
          .filter(({ text }) => text.trim() !== '')
          .map(({ segmentId, text }) => [segmentId, text]),
        'one transcript, with what was told',
      );
    },
  );

  await t.test('a language that the other model does not know: it is left where it is', async (t) => {
    const resume = async (server: ServerProcess, token: string, keptFrom: number) => {
      const client = await connectWire(t, server.url);
      client.send({ type: 'resume', token, events: 0, keptFrom });
      return client;
    };
    const refused = async (token: string, keptFrom: number) => {
      const client = await resume(english, token, keptFrom);
      t.equal((await client.closed).code, 1013);
      t.match(client.all('error'), [{ code: 'overloaded', retryable: true, fatal: true }]);
    };
    const begun = await connectWire(t, many.url);
    begun.send({ ...START, language: 'de' });
    const { resumeToken = '', sessionId } = await begun.next('ready');
    const silent = silence(begun);
    await refused(resumeToken, await silent());
    begun.send({ type: 'mark', id: 'still here' });
    await begun.next('mark');

    const changed = await connectWire(t, many.url);
    changed.send({ ...START, language: 'en' });
    const { resumeToken: token = '' } = await changed.next('ready');
    changed.send({ type: 'configure', language: 'de' });
    await refused(token, await silence(changed)());

    begun.send({ type: 'configure', language: 'en' });
    const again = await resume(english, resumeToken, await silent());
    t.match(await again.next('resumed'), { sessionId }, 'English by now: it goes on');
    again.send({ type: 'configure', language: 'de' });
    t.match(await again.next('error'), { code: 'unsupported_language', fatal: false });
  });
});

/**
 * Sends silence, on each call until all that was sent before it is kept; resolves with the first sample that the client
 * must have.
 */
function silence(client: WireClient): () => Promise<number> {
  let offset = 0;
  return async () => {
    const wanted = offset;
    for (;;) {
      const { keepFrom = 0, lagMs = 0 } = client.all('ack').at(-1) ?? {};
      if (keepFrom > wanted) return keepFrom;
      if (lagMs < LAG_MS_MAX) {
        client.send({ type: 'audio', offset, data: new Uint8Array(RATE / 5) });
        offset += RATE / 10;
      }
      await delay(5);
    }
  };
}
