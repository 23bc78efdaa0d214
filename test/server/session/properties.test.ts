// Random valid sequences of messages: what must hold of the answers, whatever is said in which order and however
// recognition behaves.
import type { ClientMessage, ServerMessage } from '@sotto/protocol';
import * as fc from 'fast-check';
import t from 'tap';
import { LoudnessVad } from '../../support/loudness-vad.js';
import { ScriptedRecognizer } from '../../support/scripted-recognizer.js';
import { SessionClient, START } from '../../support/session-client.js';
import { s16le } from '../../support/wav-file.js';
import { propertyRuns } from '../../support/property.js';

/** One thing that a client, or the world, does. */
type Deed =
  | { readonly kind: 'audio'; readonly loudness: number; readonly samples: number; readonly shift: number }
  | { readonly kind: 'message'; readonly message: ClientMessage }
  /** The event loop turns. */
  | { readonly kind: 'turn' }
  /** Recognition answers (or fails) one of the requests that wait. */
  | { readonly kind: 'answer'; readonly which: number; readonly fails: boolean };

const endpointing = fc.record(
  {
    minSilenceMs: fc.integer({ min: 96, max: 2_000 }),
    minSpeechMs: fc.integer({ min: 0, max: 500 }),
    prefixPaddingMs: fc.integer({ min: 0, max: 2_000 }),
    maxUtteranceMs: fc.integer({ min: 2_000, max: 28_000 }),
  },
  { requiredKeys: [], noNullPrototype: true },
);
const message: fc.Arbitrary<ClientMessage> = fc.oneof(
  fc.constant<ClientMessage>({ type: 'finalize', id: 'f' }),
  fc.nat(3).map((id): ClientMessage => ({ type: 'mark', id: `m${id}` })),
  fc.constant<ClientMessage>({ type: 'ping' }),
  fc.constant<ClientMessage>(START),
  endpointing.map((endpointing): ClientMessage => ({ type: 'configure', words: true, endpointing })),
);
const audio: fc.Arbitrary<Deed> = fc.record({
  kind: fc.constant('audio' as const),
  loudness: fc.constantFrom(0, 0, 0.45, 0.9, 0.9, 0.9),
  samples: fc.integer({ min: 0, max: 24_000 }),
  // Mostly in place; sometimes a repeat, an overlap, or a small hole.
  shift: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.integer({ min: -20_000, max: 3_000 })),
});
const deeds = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: audio },
    { weight: 2, arbitrary: message.map((message): Deed => ({ kind: 'message', message })) },
    { weight: 3, arbitrary: fc.constant<Deed>({ kind: 'turn' }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('answer' as const), which: fc.nat(20), fails: fc.boolean() }),
    },
  ),
  { maxLength: 60 },
);

async function play(deeds: readonly Deed[], start: Partial<typeof START>): Promise<SessionClient> {
  const recognizer = new ScriptedRecognizer({
    answers: false,
    anticipates: true,
    isComplete: (samples) => Math.floor(samples / 512) % 3 === 0,
  });
  const vad = new LoudnessVad();
  const client = new SessionClient({ recognizer, vad }).send({ ...START, ...start });
  const answer = (which: number, fails: boolean): void => {
    const [call] = recognizer.calls.splice(which % Math.max(1, recognizer.calls.length), 1);
    if (fails) call?.fail();
    else call?.answer();
  };
  for (const deed of deeds) {
    if (deed.kind === 'message') client.send(deed.message);
    else if (deed.kind === 'turn') await new Promise(setImmediate);
    else if (deed.kind === 'answer') answer(deed.which, deed.fails);
    else {
      const offset = Math.max(0, client.offset + deed.shift);
      const data = s16le(new Float32Array(deed.samples).fill(deed.loudness));
      client.send({ type: 'audio', offset, data });
      client.offset = Math.max(client.offset, offset + deed.samples);
    }
  }
  client.send({ type: 'stop' });
  while (client.closedWith === undefined) {
    answer(0, false);
    await new Promise(setImmediate);
  }
  if (vad.openStreams !== 0) throw new Error('a VAD stream is left open');
  return client;
}

/** Throws where the answers break a rule of the protocol. */
function check(answers: readonly ServerMessage[], sent: readonly ClientMessage[], offset: number): void {
  if (answers[0]?.type !== 'ready') throw new Error('HS5: ready is not the first');
  if (answers.filter(({ type }) => type === 'ready').length !== 1) throw new Error('HS5: ready comes again');
  if (answers.at(-1)?.type !== 'stopped') throw new Error('ST2: stopped is not the last');
  const started: number[] = [];
  const settled: number[] = [];
  const marks: string[] = [];
  const stable = new Map<number, { readonly text: string; readonly revision: number }>();
  const phase = new Map<number, 'started' | 'ended' | 'settled'>();
  const ends = new Map<number, number>();
  let acked = 0;
  let lastEnd = 0;
  const expectPhase = (id: number | undefined, wanted: string): void => {
    if (id === undefined || phase.get(id) !== wanted)
      throw new Error(`SP1: segment ${id} is ${phase.get(id ?? -1)}, not ${wanted}`);
  };
  for (const answer of answers) {
    switch (answer.type) {
      case 'speechStarted':
        if (answer.segmentId !== started.length) throw new Error('SP1: ids do not count up');
        if (answer.startMs < lastEnd) throw new Error('SP2: utterances overlap');
        started.push(answer.segmentId);
        phase.set(answer.segmentId, 'started');
        break;
      case 'partial': {
        expectPhase(answer.segmentId, 'started');
        const before = stable.get(answer.segmentId) ?? { text: '', revision: 0 };
        if (!answer.stable.startsWith(before.text)) throw new Error('SP4: stable text changed');
        if (answer.revision <= before.revision) throw new Error('SP5: the revision did not grow');
        stable.set(answer.segmentId, { text: answer.stable, revision: answer.revision });
        break;
      }
      case 'speechEnded':
        expectPhase(answer.segmentId, 'started');
        phase.set(answer.segmentId, 'ended');
        ends.set(answer.segmentId, answer.endMs);
        lastEnd = answer.endMs;
        break;
      case 'final':
      case 'error':
        if (answer.segmentId === undefined) break;
        expectPhase(answer.segmentId, 'ended');
        if (answer.segmentId !== settled.length) throw new Error('SP2: finals are not in order');
        if (answer.endMs !== ends.get(answer.segmentId)) throw new Error('the final ends elsewhere than speechEnded');
        if ((answer.endMs ?? 0) <= (answer.startMs ?? 0)) throw new Error('an empty utterance');
        settled.push(answer.segmentId);
        phase.set(answer.segmentId, 'settled');
        break;
      case 'ack':
        if (answer.offset < acked || answer.offset > offset || answer.lagMs < 0) throw new Error('BP1: a wrong ack');
        acked = answer.offset;
        break;
      case 'mark':
        marks.push(answer.id);
        break;
      default:
        break;
    }
  }
  if (started.length !== settled.length) throw new Error(`SP3: ${started.length} started, ${settled.length} settled`);
  const asked = sent.flatMap((message) => (message.type === 'mark' ? [message.id] : []));
  if (JSON.stringify(marks) !== JSON.stringify(asked)) throw new Error(`MK2: ${marks.join()} for ${asked.join()}`);
}

t.test('HS5, SP1-SP5, MK2, BP1, ST2 hold for random sequences of messages and random recognition', async (t) => {
  const property = fc.asyncProperty(deeds, endpointing, async (deeds, endpointing) => {
    const client = await play(deeds, { endpointing, partialIntervalMs: 300 });
    const sent = deeds.flatMap((deed) => (deed.kind === 'message' ? [deed.message] : []));
    check(client.answers, sent, client.offset);
    if (client.late.length > 0) throw new Error('ST2: something came after the end');
  });
  const report = await fc.check(property, { numRuns: propertyRuns(250) });
  if (report.failed) t.fail(fc.defaultReportMessage(report) ?? 'a rule is broken');
  else t.pass(`holds in ${report.numRuns} runs`);
});

t.test('MK1: a mark comes behind the finals of all utterances that ended before it', async (t) => {
  const property = fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }), async (order) => {
    const recognizer = new ScriptedRecognizer({ answers: false });
    const client = new SessionClient({ recognizer }).send(START);
    const utterance = [new Float32Array(8_000).fill(0.9), new Float32Array(16_000)];
    for (let index = 0; index < 3; index++) {
      for (const part of utterance) client.audio(part);
      client.send({ type: 'mark', id: `${index}` });
    }
    await client.some('speechEnded', 3);
    for (const which of [...order, 0, 0, 0]) {
      const calls = recognizer.calls.filter(({ kind }) => kind === 'finish');
      const call = calls[which % Math.max(1, calls.length)];
      if (call !== undefined) recognizer.calls.splice(recognizer.calls.indexOf(call), 1);
      call?.answer();
      await new Promise(setImmediate);
    }
    const story = client.answers.flatMap((answer) =>
      answer.type === 'final' ? [`final ${answer.segmentId}`] : answer.type === 'mark' ? [`mark ${answer.id}`] : [],
    );
    if (story.join() !== 'final 0,mark 0,final 1,mark 1,final 2,mark 2') throw new Error(story.join());
    client.session.abandon();
  });
  const report = await fc.check(property, { numRuns: propertyRuns(30) });
  t.notOk(report.failed, fc.defaultReportMessage(report) ?? 'holds');
});
