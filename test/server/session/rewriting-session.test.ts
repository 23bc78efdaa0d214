// Sessions whose texts are rewritten: what the client hears, with settings of its own and of the server.
import { errorMessage, type ServerMessage, type Word } from '@sotto/protocol';
import * as fc from 'fast-check';
import t from 'tap';
import { NO_POLISH } from '../../../server/src/polish/polish-settings.js';
import { PreviousText } from '../../../server/src/session/previous-text.js';
import { RewritingSession } from '../../../server/src/session/rewriting-session.js';
import type { SessionCheckpoint } from '../../../server/src/session/session-checkpoint.js';
import { SESSION_DEFAULTS, startSettings } from '../../../server/src/session/session-settings.js';
import { defaultRewriting } from '../../../server/src/text/rewriting/default-rewriting.js';
import { NO_REWRITING } from '../../../server/src/text/rewriting/rewriting.js';
import { holds } from '../../support/property.js';
import { ScriptedSession } from '../../support/scripted-session.js';
import { START } from '../../support/session-client.js';

const SECRET =
  'My card is 4111 1111 1111 1111, mail john.smith@example.com or call +49 30 1234567 for Anna Smith, okay.';
const HIDDEN = 'My card is [card], mail [email] or call [phone] for [name], okay.';
const ASKED = {
  ...START,
  redact: ['card' as const, 'phone' as const, 'email' as const, 'names' as const],
  redactNames: ['Anna Smith'],
};
const LEAK = /\d|john|smith|example|anna/i;

const CHECKPOINT: SessionCheckpoint = {
  sessionId: 's',
  start: START,
  polishWish: NO_POLISH,
  offset: 0,
  settings: startSettings(START, SESSION_DEFAULTS),
  utterances: {
    count: 0,
    speechSamples: 0,
    words: 0,
    previousText: new PreviousText().state,
    languages: {},
  },
  polish: undefined,
};

interface Stage {
  readonly session: RewritingSession;
  readonly heard: ServerMessage[];
  readonly say: (message: ServerMessage) => void;
  /** The session refuses the next `configure`. */
  readonly refuse: () => void;
}

function stage(defaults = NO_REWRITING): Stage {
  const heard: ServerMessage[] = [];
  let inner: ScriptedSession | undefined;
  const session = new RewritingSession(
    (sink) => (inner = Object.assign(new ScriptedSession('s', sink), { checkpoint: () => CHECKPOINT })),
    {
      send: (message) => heard.push(message),
      end: () => {},
    },
    defaults,
  );
  const say = (message: ServerMessage): void => inner?.sink.send(message);
  const refuse = (): void => {
    if (inner === undefined) return;
    inner.onReceive = () => {
      inner?.sink.send(errorMessage('unsupported_language', 'No.', { fatal: false }));
      if (inner !== undefined) inner.onReceive = undefined;
    };
  };
  return { session, heard, say, refuse };
}

function partial(segmentId: number, stable: string, tentative = ''): ServerMessage {
  return { type: 'partial', segmentId, revision: 1, stable, tentative, startMs: 0, endMs: 1, lagMs: 0 };
}

function final(segmentId: number, text: string, words?: Word[]): ServerMessage {
  return {
    type: 'final',
    segmentId,
    reason: 'stop',
    text,
    startMs: 0,
    endMs: 1,
    language: 'en',
    avgLogprob: 0,
    noSpeechProb: 0,
    ...(words !== undefined && { words }),
  };
}

function polished(segmentId: number, text: string): ServerMessage {
  return { type: 'polished', scope: 'segment', segmentId, text, mode: 'standard', model: 'm', latencyMs: 1 };
}

function word(text: string, startMs: number, endMs: number): Word {
  return { text, startMs, endMs, confidence: 0.5 };
}

/** What of the messages a person could read. */
function textsOf(messages: readonly ServerMessage[]): string[] {
  return messages.flatMap((message) => {
    if (message.type === 'partial') return [message.stable + message.tentative];
    if (message.type === 'final') return [message.text, ...(message.words ?? []).map(({ text }) => text)];
    return message.type === 'polished' || message.type === 'polishedDelta' ? [message.text] : [];
  });
}

t.test('nothing hidden is told by any message, however the text is cut into partials', async (t) => {
  const cuts = fc.array(fc.tuple(fc.nat(SECRET.length), fc.nat(SECRET.length)), { maxLength: 12 });
  holds(
    t,
    fc.property(cuts, (places) => {
      const { session, heard, say } = stage();
      session.receive(ASKED);
      say({ type: 'speechStarted', segmentId: 0, startMs: 0 });
      let stableEnd = 0;
      let written = 0;
      for (const [a, b] of places.toSorted(([x], [y]) => x - y)) {
        stableEnd = Math.max(stableEnd, a);
        say(partial(0, SECRET.slice(0, stableEnd), SECRET.slice(stableEnd, Math.max(stableEnd, b))));
        // Deltas leave no hole.
        const at = Math.min(a, b, written);
        written = Math.max(a, b);
        say({
          type: 'polishedDelta',
          scope: 'segment',
          segmentId: 0,
          from: at,
          text: SECRET.slice(at, Math.max(a, b)),
        });
      }
      const words = SECRET.split(' ').map((text, i) => ({ text, startMs: i, endMs: i + 1, confidence: 1 }));
      say(final(0, SECRET, words));
      say(polished(0, SECRET));
      const leak = textsOf(heard).find((text) => LEAK.test(text));
      if (leak !== undefined) throw new Error(leak);
      const stables = heard.flatMap((message) => (message.type === 'partial' ? [message.stable] : []));
      stables.push(HIDDEN);
      for (const [i, stable] of stables.entries()) {
        if (!stable.startsWith(stables[i - 1] ?? '')) throw new Error(`${stables[i - 1]} became ${stable}`);
      }
    }),
  );
});

t.test('deltas of a polished text add up to its beginning', async (t) => {
  const { session, heard, say } = stage();
  session.receive(ASKED);
  let raw = '';
  for (const [from, text] of [
    [0, 'Card 4111 1111'],
    [14, ' 1111 1111 is mi'],
    [25, ' mine'],
    [5, 'none'],
    [9, ' at all. '],
  ] as const) {
    raw = raw.slice(0, from) + text;
    say({ type: 'polishedDelta', scope: 'segment', segmentId: 0, from, text });
  }
  let told = '';
  for (const message of heard) {
    if (message.type === 'polishedDelta') told = told.slice(0, message.from) + message.text;
  }
  t.equal(raw, 'Card none at all. ');
  t.ok(raw.startsWith(told) && told.startsWith('Card none at '), told);
});

t.test('a final keeps the times of its words, and other messages pass', async (t) => {
  const { session, heard, say } = stage();
  session.receive({ ...START, replacements: [{ find: 'new york', replace: 'NYC' }], profanity: 'mask' });
  say(final(0, 'New York, shit!', [word('New', 0, 10), word('York,', 12, 20), word('shit!', 30, 40)]));
  t.match(heard[1], { text: 'NYC, s***!', words: [word('NYC,', 0, 20), word('s***!', 30, 40)] });
  session.receive({ type: 'stop' });
  t.equal(heard.at(-1)?.type, 'stopped');
});

t.test('a change holds from the next utterance on, and for what is polished late', async (t) => {
  const { session, heard, say, refuse } = stage();
  session.receive(ASKED);
  say({ type: 'speechStarted', segmentId: 0, startMs: 0 });
  refuse();
  session.receive({ type: 'configure', redact: [], language: 'tlh' });
  session.receive({ type: 'configure', redact: [] });
  say(final(0, SECRET));
  say({ type: 'speechStarted', segmentId: 1, startMs: 5 });
  say(final(1, SECRET));
  say(polished(0, SECRET));
  say({
    ...polished(0, `${SECRET} ${SECRET}`),
    scope: 'session',
    firstSegmentId: 0,
    lastSegmentId: 1,
  } as ServerMessage);
  t.strictSame(textsOf(heard), [HIDDEN, SECRET, HIDDEN, `${HIDDEN} ${HIDDEN}`]);
});

t.test('what goes on elsewhere is rewritten there too, and what hides does not go on elsewhere', async (t) => {
  const { session } = stage();
  const mask = { ...START, profanity: 'mask' as const };
  session.receive(mask);
  const checkpoint = session.checkpoint();
  t.equal(checkpoint?.rewriting?.profanity, 'mask');
  if (checkpoint === undefined) return;
  const other = stage();
  await other.session.restore(checkpoint);
  other.say(final(0, 'shit'));
  t.strictSame(textsOf(other.heard), ['s***']);
  session.receive({ type: 'configure', redact: ['card'] });
  t.equal(session.checkpoint(), undefined);
});

t.test('the server has settings of its own, and a client may have others', async (t) => {
  const defaults = defaultRewriting({
    redact: 'card,email',
    redactNames: '',
    profanity: 'mask',
    replacements: 'a b=c; d=',
  });
  t.strictSame(defaults.replacements, [
    { find: 'a b', replace: 'c' },
    { find: 'd', replace: '' },
  ]);
  const { session, heard, say } = stage(defaults);
  session.receive({ ...START, profanity: 'off' });
  say(final(0, 'A b, 4111111111111111, shit'));
  t.strictSame(textsOf(heard), ['C, [card], shit']);
});
