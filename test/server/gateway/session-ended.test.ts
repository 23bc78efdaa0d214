// The one line that the log has of each session: what it came to, and nothing of what was said.
import { pino } from 'pino';
import t from 'tap';
import type { Principal } from '../../../server/src/access/principal.js';
import { createWsTransport } from '../../../server/src/transport/ws-transport.js';
import { ScriptedSession } from '../../support/scripted-session.js';
import { startTestGateway } from '../../support/test-gateway.js';
import { connectWire } from '../../support/wire-client.js';
import { until } from '../../support/until.js';

const START = { type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } } as const;
const PRINCIPAL: Principal = { keyId: 'k1', keyName: 'phone', scopes: new Set(['stream']), isLasting: true };

t.test('a line for each session that began, with its totals, however it ended', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const sessions: ScriptedSession[] = [];
  const { url } = await startTestGateway(
    t,
    createWsTransport,
    (sink) => {
      const session = new ScriptedSession(`s${sessions.length}`, sink);
      sessions.push(session);
      return session;
    },
    {
      limits: { resumeGraceMs: 0 },
      log: pino({ level: 'info', base: null }, { write: (line) => void lines.push(JSON.parse(line)) }),
      access: { identify: () => PRINCIPAL, isCurrent: () => true },
    },
  );
  const client = await connectWire(t, url);
  client.send(START, { type: 'audio', offset: 0, data: new Uint8Array(32_000) });
  await until(() => sessions[0]?.receivedSamples === 16_000, 'the audio');
  const [session] = sessions;
  session?.sink.send({ type: 'speechStarted', segmentId: 0, startMs: 0 });
  session?.final(0, 'three secret words');
  for (const lagMs of [100, 200, 400]) session?.sink.send({ type: 'ack', offset: 16_000, lagMs });
  session?.sink.send({ type: 'error', code: 'offset_gap', message: '', retryable: false, fatal: false });
  client.send({ type: 'stop' });
  await client.closed;

  const lost = await connectWire(t, url);
  lost.send(START);
  await lost.next('ready');
  lost.socket.terminate();
  const silent = await connectWire(t, url);
  silent.socket.terminate();
  await until(() => lines.length > 1, 'two lines');

  t.match(lines[0], {
    msg: 'session ended',
    session: 's0',
    close: 1000,
    audioMs: 1_000,
    audioBytes: 32_000,
    utterances: 1,
    words: 3,
    errors: { offset_gap: 1 },
    keyId: 'k1',
    keyName: 'phone',
  });
  t.ok(Math.abs(Number(lines[0]?.['lagP95Ms']) / 400 - 1) < 0.03);
  t.match(lines[1], { msg: 'session ended', session: 's1', close: 'abandoned', audioMs: 0, utterances: 0 });
  t.notOk('lagP95Ms' in (lines[1] ?? {}));
  t.notMatch(JSON.stringify(lines), /secret/);
  t.equal(lines.length, 2, 'a socket that never began a session has no line');
});
