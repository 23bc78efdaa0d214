// Polish within a session: what is polished, in which order, and that nothing ever waits for it.
import { CLOSE, type PolishedMessage, type ServerMessage } from '@sotto/protocol';
import t from 'tap';
import { PolishService } from '../../../server/src/polish/polish-service.js';
import { RulesPolisher } from '../../../server/src/polish/rules/rules-polisher.js';
import { SESSION_PART_CHARS } from '../../../server/src/polish/polish-budgets.js';
import { PENDING_POLISH_MAX, SessionPolish } from '../../../server/src/session/session-polish.js';
import { changePolish, NO_POLISH } from '../../../server/src/polish/polish-settings.js';
import { SILENT_LOG } from '../../../server/src/session/session-port.js';
import { SESSION_DEFAULTS } from '../../../server/src/session/session-settings.js';
import { ScriptedPolisher } from '../../support/scripted-polisher.js';
import { SessionClient, silence, speech, START } from '../../support/session-client.js';
import { final } from '../../support/speech-messages.js';

const BUDGETS = { segmentMs: 60_000, stopMs: 60_000, drainMs: 60_000 };
/** Text that says the same with a capital and a full stop. */
const written = ({ text }: { text: string }): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function service(polisher: ScriptedPolisher, waitingMax = 100): PolishService {
  return new PolishService({ fast: polisher, waitingMax });
}

function open(polisher: ScriptedPolisher, budgets = BUDGETS): SessionClient {
  return new SessionClient({ polishing: service(polisher), settings: { ...SESSION_DEFAULTS, polish: budgets } });
}

function rules(): SessionClient {
  return new SessionClient({ polishing: new PolishService({ fast: new RulesPolisher(), waitingMax: 1 }) });
}

/** Two utterances of a second each. */
function speak(client: SessionClient): SessionClient {
  return client.audio(speech(1)).audio(silence(1.5)).audio(speech(1)).audio(silence(1.5));
}

t.test('PO1: ready says what there is, and what is not there is refused', async (t) => {
  const none = new SessionClient().send(START);
  t.notOk('polish' in (none.of('ready')[0] ?? {}));
  t.match(rules().send(START).of('ready'), [{ polish: { available: true, models: ['rules'], modes: ['standard'] } }]);
  for (const polish of [{ mode: 'formal' as const }, { mode: 'custom' as const, instruction: 'shout' }]) {
    const client = rules().send({ ...START, polish });
    t.match(client.of('error'), [
      { code: 'unsupported_option', fatal: true, message: /rules cannot polish in the mode/ },
    ]);
  }
  const polisher = new ScriptedPolisher({ write: written });
  const client = open(polisher).send({ ...START, polish: { mode: 'custom' } });
  t.match(client.of('error'), [{ code: 'unsupported_option', message: 'The mode "custom" needs an instruction.' }]);

  const late = open(polisher).send(START, { type: 'configure', polish: { mode: 'custom' } });
  t.match(late.of('error'), [{ code: 'unsupported_option', fatal: false }]);
  late.send({ type: 'configure', language: 'fr', polish: { mode: 'formal' } });
  t.match(late.of('error'), [{}, { code: 'unsupported_language' }]);
  await speak(late).stop();
  t.equal(late.of('polished').length, 0, 'nothing of a refused message counts');
  t.equal(
    new SessionClient().send({ ...START, polish: { mode: 'off' } }).of('ready').length,
    1,
    'off asks for nothing',
  );
});

t.test('PO3: each final is followed by its polished text, in order, with the text before as context', async (t) => {
  const polisher = new ScriptedPolisher({ write: written });
  const client = open(polisher).send({ ...START, polish: {} });
  t.equal(polisher.warmUps, 1, 'it is got ready as soon as it is asked for');
  await speak(client).stop();
  t.same(
    client.story.filter((event) => /final|polished|stopped/.test(event)),
    ['final 0', 'polished 0', 'final 1', 'polished 1', 'stopped'],
  );
  t.match(client.of('polished'), [
    { scope: 'segment', text: 'W0 w1.', mode: 'standard', model: 'scripted' },
    { scope: 'segment', text: 'W0 w1.' },
  ]);
  t.ok(client.of('polished').every(({ latencyMs, fallback }) => latencyMs >= 0 && fallback === undefined));
  t.match(polisher.requests, [{ previous: '', language: 'en' }, { previous: 'W0 w1.' }]);
});

t.test('PO3: neither finals nor marks wait for a slow polisher', async (t) => {
  const polisher = new ScriptedPolisher();
  const client = open(polisher).send({ ...START, polish: {} });
  speak(client).send({ type: 'mark', id: 'm' });
  await client.some('mark');
  t.equal(client.of('final').length, 2);
  t.equal(client.of('polished').length, 0);
  (await polisher.call()).answer('W0 w1!');
  (await polisher.call()).answer('W0, w1.');
  await client.some('polished', 2);
  t.same(
    client.of('polished').map(({ text }) => text),
    ['W0 w1!', 'W0, w1.'],
  );
  await client.stop();
});

t.test('PO1, CF1: configure turns polish on, changes it and turns it off, from the next utterance on', async (t) => {
  const polisher = new ScriptedPolisher({ write: written });
  const client = open(polisher).send(START);
  const utterance = async () => {
    client.audio(speech(1)).audio(silence(1.5));
    await client.settled();
  };
  await utterance();
  client.send({ type: 'configure', polish: { mode: 'formal', script: 'simplified' } });
  await utterance();
  client.send({ type: 'configure', polish: { mode: 'casual' } });
  await utterance();
  client.send({ type: 'configure', polish: { mode: 'off' } });
  await utterance();
  client.send({ type: 'configure', polish: { quality: 'best' } });
  await utterance();
  await client.stop();
  t.match(client.of('polished'), [
    { segmentId: 1, mode: 'formal' },
    { segmentId: 2, mode: 'casual' },
    { segmentId: 4, mode: 'standard' },
  ]);
  t.equal(polisher.requests[1]?.script, 'simplified', 'what is not named stays');
});

t.test('PO4: the whole session comes when it stops, before stopped; also on a drain', async (t) => {
  for (const end of ['stop', 'drain'] as const) {
    const polisher = new ScriptedPolisher({ write: written });
    const client = open(polisher).send({ ...START, polish: { scope: 'session' } });
    speak(client);
    await client.settled();
    t.equal(client.of('polished').length, 0);
    if (end === 'stop') client.send({ type: 'stop' });
    else void client.session.drain();
    t.equal(await client.ended(), end === 'stop' ? CLOSE.done : CLOSE.goingAway);
    t.match(client.of('polished'), [{ scope: 'session', firstSegmentId: 0, lastSegmentId: 1, text: 'W0 w1 w0 w1.' }]);
    t.notOk('segmentId' in (client.of('polished')[0] ?? {}));
    t.equal(client.answers.at(-1)?.type, 'stopped');
    t.equal(client.late.length, 0);
  }
});

t.test('PO6: deltas come where they are asked for', async (t) => {
  const client = open(new ScriptedPolisher({ write: written })).send({
    ...START,
    polish: { deltas: true, scope: 'both' },
  });
  await speak(client).stop();
  const text = client.of('polishedDelta').reduce((texts, { scope, segmentId, from, text }) => {
    const key = segmentId ?? scope;
    return texts.set(key, (texts.get(key) ?? '').slice(0, from) + text);
  }, new Map<number | string, string>());
  t.same(
    [...text],
    [
      [0, 'W0 w1.'],
      [1, 'W0 w1.'],
      ['session', 'W0 w1 w0 w1.'],
    ],
  );
  t.equal(client.of('polished').length, 3);
});

t.test('PO5, PO7: a polisher that never answers costs its budget and no more', async (t) => {
  const polisher = new ScriptedPolisher();
  const client = open(polisher, { segmentMs: 20, stopMs: 60, drainMs: 60 }).send({
    ...START,
    polish: { scope: 'both' },
  });
  await speak(client).stop();
  t.match(client.of('polished'), [
    { segmentId: 0, text: 'W0 w1.', model: 'rules', fallback: 'timeout' },
    { segmentId: 1, text: 'W0 w1.', model: 'rules', fallback: 'timeout' },
    { scope: 'session', text: 'W0 w1 w0 w1.', fallback: 'timeout' },
  ]);
  t.equal(polisher.calls.length, 0, 'what is too late is aborted');
});

t.test('PO7: what is being polished when the session stops has no more time than the rest', async (t) => {
  const polisher = new ScriptedPolisher();
  const client = open(polisher, { segmentMs: 60_000, stopMs: 60, drainMs: 60 }).send({ ...START, polish: {} });
  speak(client);
  const { run } = await polisher.call();
  await client.stop();
  t.ok(run.signal.aborted);
  t.match(client.of('polished'), [
    { segmentId: 0, text: 'W0 w1.', model: 'rules', fallback: 'timeout' },
    { segmentId: 1, text: 'W0 w1.', model: 'rules', fallback: 'timeout' },
  ]);
});

t.test('ST4: a session that is abandoned stops its polish and says nothing more', async (t) => {
  const polisher = new ScriptedPolisher();
  const client = open(polisher).send({ ...START, polish: {} });
  speak(client);
  const { run } = await polisher.call();
  const before = client.answers.length;
  client.session.abandon();
  t.ok(run.signal.aborted);
  await new Promise(setImmediate);
  t.equal(client.answers.length, before);
});

/** Finals in, messages out: what lies between a session and its polish. */
function parts(polisher: ScriptedPolisher) {
  const sent: PolishedMessage[] = [];
  const polish = new SessionPolish({
    polishing: service(polisher, 1_000),
    budgets: BUDGETS,
    log: SILENT_LOG,
    send: (message: ServerMessage) => void (message.type === 'polished' && sent.push(message)),
  });
  return { polish, sent };
}

t.test('the texts of one session that wait are bounded: those beyond fall back, in their order', async (t) => {
  const polisher = new ScriptedPolisher();
  const { polish, sent } = parts(polisher);
  const wish = changePolish(NO_POLISH, {});
  const count = PENDING_POLISH_MAX + 10;
  for (let id = 0; id < count; id++) polish.add({ ...final(id, `word number ${id}`) }, wish);
  const done = polish.finish('stop');
  while (sent.length < PENDING_POLISH_MAX + 1) {
    const { request, answer } = await polisher.call();
    answer(`${request.text}.`);
    await new Promise(setImmediate);
  }
  await done;
  t.same(
    sent.map(({ segmentId }) => segmentId),
    Array.from({ length: count }, (_, id) => id),
  );
  t.same([...new Set(sent.slice(PENDING_POLISH_MAX + 1).map(({ fallback }) => fallback))], ['overloaded']);
});

t.test('PO4: a session that is too long for one text comes in parts, no segment in two, none left out', async (t) => {
  const { polish, sent } = parts(new ScriptedPolisher({ write: ({ text }) => text }));
  const wish = changePolish(NO_POLISH, { scope: 'session' });
  const line = 'and then we went on to the next house in the street. '.repeat(20).trim();
  const count = Math.ceil((2.5 * SESSION_PART_CHARS) / line.length);
  for (let id = 0; id < count; id++)
    polish.add({ ...final(id, line), startMs: id * 10_000, endMs: id * 10_000 + 9_000 }, wish);
  await polish.finish('stop');
  t.equal(sent.length, 3);
  t.equal(sent[0]?.firstSegmentId, 0);
  t.equal(sent.at(-1)?.lastSegmentId, count - 1);
  for (const [at, part] of sent.entries()) {
    if (at > 0) t.equal(part.firstSegmentId, (sent[at - 1]?.lastSegmentId ?? 0) + 1);
    t.ok(part.text.length <= SESSION_PART_CHARS);
  }
});

t.test('a pause ends a paragraph; noise is nothing', async (t) => {
  const { polish, sent } = parts(new ScriptedPolisher({ write: ({ text }) => text }));
  const wish = changePolish(NO_POLISH, { scope: 'session' });
  polish.add({ ...final(0, 'One.'), endMs: 1_000 }, wish);
  polish.add({ ...final(1, ''), startMs: 1_500, endMs: 2_000 }, wish);
  polish.add({ ...final(2, 'Two.'), startMs: 2_000, endMs: 3_000 }, wish);
  polish.add({ ...final(3, 'Three.'), startMs: 9_000, endMs: 10_000 }, wish);
  await polish.finish('stop');
  t.match(sent, [{ text: 'One. Two.\n\nThree.', firstSegmentId: 0, lastSegmentId: 3 }]);
});
