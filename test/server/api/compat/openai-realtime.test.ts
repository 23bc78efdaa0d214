// Turns of the OpenAI Realtime API over a plain socket: how they begin, end, and fail.
import t from 'tap';
import { RealtimeConversation } from '../../../../server/src/api/compat/openai-realtime/conversation.js';
import { defaultConfig } from '../../../../server/src/api/compat/openai-realtime/session-config.js';
import type { DialectClose } from '../../../../server/src/gateway/dialect.js';
import { SESSION_DEFAULTS } from '../../../../server/src/session/session-settings.js';
import { createSessionFactory } from '../../../../server/src/session/session.js';
import { openCompatGateway } from '../../../support/compat-gateway.js';
import type { Fields } from '../../../support/event-client.js';
import { loud } from '../../../support/loud-audio.js';
import { append, manual, openRealtime, stream, TRANSCRIPTION, update } from '../../../support/realtime-client.js';
import { TRANSPORTS } from '../../../support/shared-gateway.js';

for (const [transport, create] of TRANSPORTS) {
  const skip = create === undefined && 'no binary for this Node';
  t.test(`RT-1: a turn with server VAD over ${transport}`, { skip }, async (t) => {
    const { client } = await openRealtime(t, { transport: transport === 'uws' ? 'uws' : 'ws' });
    t.match(await client.next('session.created'), {
      event_id: /^event_/,
      session: {
        id: /^sess_/,
        object: 'realtime.transcription_session',
        type: 'transcription',
        audio: {
          input: {
            format: { type: 'audio/pcm', rate: 24_000 },
            transcription: null,
            turn_detection: { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 384 },
          },
        },
      },
    });
    client.send(update({ transcription: { model: 'gpt-4o-transcribe', language: 'en' } }));
    await client.next('session.updated');
    stream(client, loud('silence', 0.5), loud('speech', 2), loud('silence', 1));
    const completed = await client.next(`${TRANSCRIPTION}.completed`);
    const [delta] = client.all(`${TRANSCRIPTION}.delta`);
    t.ok(delta, 'words came before the end');
    const types = client.types.filter((type) => !type.endsWith('.delta'));
    t.strictSame(types, [
      'session.created',
      'session.updated',
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
      `${TRANSCRIPTION}.completed`,
    ]);
    t.strictSame(
      new Set(client.received.slice(2).map((event) => event['item_id'] ?? (event['item'] as Fields)['id'])).size,
      1,
      'one item throughout',
    );
    const started = client.all('input_audio_buffer.speech_started')[0];
    const stopped = client.all('input_audio_buffer.speech_stopped')[0];
    t.match(started, { audio_start_ms: Number, item_id: completed['item_id'] });
    t.match(stopped, { audio_end_ms: Number });
    t.match(completed, { content_index: 0, transcript: /^w0 w1 w2 w3/, usage: { type: 'duration', seconds: Number } });
    t.equal(
      client
        .all(`${TRANSCRIPTION}.delta`)
        .map((event) => event['delta'])
        .join(''),
      completed['transcript'],
    );

    stream(client, loud('speech', 1), loud('silence', 1));
    await client.next(`${TRANSCRIPTION}.completed`, 1);
    const [first, second] = client.all('input_audio_buffer.committed');
    t.equal(first?.['previous_item_id'], null);
    t.equal(second?.['previous_item_id'], first?.['item_id']);
    client.socket.close(1000, 'OK');
    t.match(await client.closed, { code: 1000 });
  });
}

t.test('RT-2: the client commits; nothing to commit; clear', async (t) => {
  const { client, recognizer } = await openRealtime(t);
  client.send(manual, { type: 'input_audio_buffer.commit', event_id: 'mine' });
  t.match(await client.next('error'), {
    error: { type: 'invalid_request_error', code: 'input_audio_buffer_commit_empty', event_id: 'mine', param: null },
  });
  // Two utterances with a long pause between them: one item.
  stream(client, loud('speech', 1), loud('silence', 1.5), loud('speech', 1));
  client.send({ type: 'input_audio_buffer.commit' });
  const completed = await client.next(`${TRANSCRIPTION}.completed`);
  t.match(completed, { transcript: /^w0/, usage: { seconds: 3.5 } });
  t.notOk(
    client.types.some((type) => type.includes('speech_')),
    'no VAD events',
  );
  t.match(recognizer.opened[0], { language: 'auto' });
  const order = client.types.filter(
    (type) => !type.startsWith('session') && type !== 'error' && !type.endsWith('delta'),
  );
  t.strictSame(order, [
    'input_audio_buffer.committed',
    'conversation.item.added',
    'conversation.item.done',
    `${TRANSCRIPTION}.completed`,
  ]);

  stream(client, loud('speech', 1));
  client.send({ type: 'input_audio_buffer.clear' });
  await client.next('input_audio_buffer.cleared');
  client.send({ type: 'input_audio_buffer.commit' });
  t.match(await client.next('error', 1), { error: { code: 'input_audio_buffer_commit_empty' } });
  stream(client, loud('silence', 0.5));
  client.send({ type: 'input_audio_buffer.commit' });
  t.match(await client.next(`${TRANSCRIPTION}.completed`, 1), { transcript: '' }, 'silence is an empty turn');
  t.equal(client.all(`${TRANSCRIPTION}.completed`).length, 2, 'what was cleared is never told');
});

t.test('commits in a row, of audio that was sent all at once, keep their turns apart', async (t) => {
  const { client } = await openRealtime(t);
  client.send(manual);
  for (const seconds of [1.1, 2.1, 3.1]) {
    stream(client, loud('speech', seconds));
    client.send({ type: 'input_audio_buffer.commit' });
  }
  await client.next(`${TRANSCRIPTION}.completed`, 2);
  const lengths = client
    .all(`${TRANSCRIPTION}.completed`)
    .map((event) => String(event['transcript']).split(' ').length);
  t.strictSame(lengths, [2, 4, 6]);
  t.strictSame(
    client.all(`${TRANSCRIPTION}.completed`).map((event) => event['item_id']),
    client.all('input_audio_buffer.committed').map((event) => event['item_id']),
  );
});

t.test('with VAD: a commit in the middle of speech, and clear', async (t) => {
  const { client } = await openRealtime(t);
  stream(client, loud('speech', 1));
  const started = await client.next('input_audio_buffer.speech_started');
  client.send({ type: 'input_audio_buffer.commit' });
  const completed = await client.next(`${TRANSCRIPTION}.completed`);
  t.equal(completed['item_id'], started['item_id']);
  t.notOk(client.types.includes('input_audio_buffer.speech_stopped'));
  stream(client, loud('silence', 0.2));
  client.send({ type: 'input_audio_buffer.commit' });
  t.match(await client.next(`${TRANSCRIPTION}.completed`, 1), { transcript: '' });

  stream(client, loud('speech', 1));
  await client.next('input_audio_buffer.speech_started', 1);
  client.send({ type: 'input_audio_buffer.clear' });
  stream(client, loud('silence', 1), loud('speech', 1), loud('silence', 1));
  const last = await client.next(`${TRANSCRIPTION}.completed`, 2);
  t.equal(last['item_id'], client.all('input_audio_buffer.speech_started')[2]?.['item_id']);
  t.equal(client.all('input_audio_buffer.speech_stopped').length, 1);
});

t.test('a turn that cannot be recognised has failed, and the next one has not', async (t) => {
  const { client, recognizer } = await openRealtime(t, { recognizer: { answers: false } });
  stream(client, loud('speech', 1), loud('silence', 1));
  await client.next('conversation.item.done');
  recognizer.calls.find(({ kind }) => kind === 'finish')?.fail();
  t.match(await client.next(`${TRANSCRIPTION}.failed`), {
    item_id: client.all('input_audio_buffer.committed')[0]?.['item_id'],
    content_index: 0,
    error: { type: 'server_error', code: 'recognition_failed', message: String, param: null },
  });
  stream(client, loud('speech', 1), loud('silence', 1));
  await client.next('conversation.item.done', 1);
  recognizer.calls.findLast(({ kind }) => kind === 'finish')?.answer();
  await client.next(`${TRANSCRIPTION}.completed`);
  t.notOk(client.types.includes('error'));
});

t.test('a client that never commits: the turn is committed for it, so that its words do not pile up', async (t) => {
  const told: Fields[] = [];
  const { recognizer, vad } = await openCompatGateway(t);
  const defaults = { endpointing: SESSION_DEFAULTS.endpointing, languages: ['en'] };
  const ended = new Promise<DialectClose>((resolve) => {
    const conversation = new RealtimeConversation({
      peer: {
        remoteAddress: '',
        send: (event) => void told.push(event),
        crash: (error) => t.fail(String(error)),
        end: resolve,
      },
      createSession: createSessionFactory({ vad, recognizer, settings: SESSION_DEFAULTS }),
      defaults,
      config: { ...defaultConfig(defaults), turnDetection: null },
      isBeta: false,
      wallNow: Date.now,
      uncommittedMsMax: 2_000,
    });
    for (let i = 0; i < 45; i++) conversation.receive(JSON.stringify(append(loud('speech', 0.1))));
    void conversation.drain();
  });
  t.equal((await ended).code, 1001);
  const types = told.map((event) => event['type']);
  t.equal(types.filter((type) => type === 'input_audio_buffer.committed').length, 2);
  t.equal(types.filter((type) => type === `${TRANSCRIPTION}.completed`).length, 2);
});

t.test('a session that fails leaves no committed turn without an end', async (t) => {
  const { client, vad } = await openRealtime(t, { recognizer: { answers: false } });
  stream(client, loud('speech', 1), loud('silence', 1));
  await client.next('conversation.item.done');
  vad.failure = new Error('scripted');
  stream(client, loud('speech', 1));
  t.match(await client.next(`${TRANSCRIPTION}.failed`), {
    item_id: client.all('input_audio_buffer.committed')[0]?.['item_id'],
  });
  t.match(await client.next('error'), { error: { type: 'server_error', code: 'internal' } });
  t.match(await client.closed, { code: 1011 });
});
