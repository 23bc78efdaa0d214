// What a session of the OpenAI Realtime API can be set to, in both shapes, and what its client may get wrong.
import * as fc from 'fast-check';
import t from 'tap';
import { readClientEvent } from '../../../../server/src/api/compat/openai-realtime/client-events.js';
import type { Fields } from '../../../support/event-client.js';
import { loud, type LoudFormat } from '../../../support/loud-audio.js';
import { holds } from '../../../support/property.js';
import { append, GA, openRealtime, stream, TRANSCRIPTION, update } from '../../../support/realtime-client.js';

t.test('log-probabilities come where they are asked for', async (t) => {
  const { client } = await openRealtime(t);
  client.send(update({}, { include: ['item.input_audio_transcription.logprobs'] }));
  stream(client, loud('speech', 1), loud('silence', 1));
  const completed = await client.next(`${TRANSCRIPTION}.completed`);
  const [first] = completed['logprobs'] as Fields[];
  t.match(first, { token: String, logprob: Number, bytes: Array });
  t.ok(Number(first?.['logprob']) < 0);
});

t.test('formats: G.711 and other rates, named as the GA and as the beta names them', async (t) => {
  const formats: [unknown, number, LoudFormat][] = [
    [{ type: 'audio/pcmu' }, 8_000, 'mulaw'],
    [{ type: 'audio/pcma' }, 8_000, 'alaw'],
    [{ type: 'audio/pcm', rate: 16_000 }, 16_000, 'pcm16'],
    ['g711_ulaw', 8_000, 'mulaw'],
    ['pcm16', 24_000, 'pcm16'],
  ];
  for (const [format, rate, name] of formats) {
    const { client } = await openRealtime(t);
    client.send(update({ format }));
    await client.next('session.updated');
    client.send(append(loud('silence', 1, rate, name)), append(loud('speech', 2, rate, name)));
    client.send(append(loud('silence', 1, rate, name)));
    const started = await client.next('input_audio_buffer.speech_started');
    t.ok(
      Math.abs(Number(started['audio_start_ms']) - 700) < 40,
      `${JSON.stringify(format)}: ${started['audio_start_ms']}`,
    );
    t.match(await client.next(`${TRANSCRIPTION}.completed`), { transcript: /^w0 w1 w2 w3/ });
  }
});

t.test('an update changes what it names, null clears, and a wrong one changes nothing', async (t) => {
  const { client, recognizer } = await openRealtime(t);
  client.send(
    update({
      transcription: { model: 'm', language: 'en-US', prompt: 'about tea', keywords: ['Sencha', 'Oolong'] },
      turn_detection: { type: 'server_vad', threshold: 0.6, silence_duration_ms: 300, create_response: false },
      noise_reduction: { type: 'near_field' },
    }),
    update({ transcription: { language: 'de' }, noise_reduction: null }, { unknown: true }),
  );
  const input = async (index: number): Promise<Fields> => {
    const { session } = (await client.next('session.updated', index)) as { session: { audio: { input: Fields } } };
    return session.audio.input;
  };
  t.match(await input(1), {
    transcription: { model: 'm', language: 'de', prompt: 'about tea' },
    turn_detection: { type: 'server_vad', threshold: 0.6, prefix_padding_ms: 300, silence_duration_ms: 300 },
    noise_reduction: null,
  });
  const wrong: [Fields, Fields][] = [
    [update({ format: { type: 'audio/pcm', rate: 11_025 } }), { param: 'session.audio.input.format' }],
    [update({ transcription: { language: 'xx' } }), { code: 'invalid_value', param: /language$/ }],
    [update({ turn_detection: { type: 'server_vad', threshold: 2 } }), { param: /threshold$/ }],
    [update({ turn_detection: { type: 'psychic' } }), { code: 'invalid_value', param: /turn_detection/ }],
    [update({ turn_detection: { type: 'server_vad', silence_duration_ms: '1' } }), { code: 'invalid_type' }],
    [{ type: 'session.update' }, { param: 'session' }],
    [{ type: 'session.update', session: 7 }, { param: 'session' }],
  ];
  for (const [index, [sent, error]] of wrong.entries()) {
    client.send({ ...sent, event_id: `e${index}` });
    t.match(await client.next('error', index), {
      error: { ...error, event_id: `e${index}`, type: 'invalid_request_error' },
    });
  }
  client.send(update({ turn_detection: { type: 'semantic_vad', eagerness: 'low' } }));
  t.match(await input(2), {
    turn_detection: { type: 'semantic_vad', eagerness: 'low' },
    transcription: { language: 'de' },
  });
  stream(client, loud('speech', 1), loud('silence', 1), loud('speech', 1), loud('silence', 1.5));
  await client.next(`${TRANSCRIPTION}.completed`);
  t.equal(client.all('input_audio_buffer.speech_stopped').length, 1, 'a patient listener waits for more than a second');
  t.match(recognizer.opened[0], { language: 'de', hotwords: ['Sencha', 'Oolong'], previousText: 'about tea' });
  client.send(update({ format: { type: 'audio/pcmu' } }));
  t.match(await client.next('error', wrong.length), { error: { param: 'session.audio.input.format' } });
});

t.test('RT-5: the beta speaks in its own shapes', async (t) => {
  const { client } = await openRealtime(t, {}, GA, [], { 'openai-beta': 'realtime=v1' });
  t.match(await client.next('transcription_session.created'), {
    session: { object: 'realtime.transcription_session', input_audio_format: 'pcm16', client_secret: null },
  });
  client.send({
    type: 'transcription_session.update',
    session: { input_audio_format: 'g711_ulaw', input_audio_transcription: { model: 'whisper-1', language: 'en' } },
  });
  t.match(await client.next('transcription_session.updated'), {
    session: { input_audio_format: 'g711_ulaw', input_audio_transcription: { model: 'whisper-1' }, audio: undefined },
  });
  client.send(append(loud('speech', 1, 8_000, 'mulaw')), append(loud('silence', 1, 8_000, 'mulaw')));
  await client.next(`${TRANSCRIPTION}.completed`);
  t.equal(client.all('conversation.item.created').length, 1);
  t.notOk(client.types.some((type) => type.endsWith('.added') || type.endsWith('item.done')));

  const conversation = await openRealtime(t, {}, '/v1/realtime?model=gpt-4o-realtime-preview', [
    'realtime',
    'openai-beta.realtime-v1',
  ]);
  t.match(await conversation.client.next('session.created'), {
    session: { object: 'realtime.session', input_audio_format: 'pcm16', audio: undefined },
  });
  conversation.client.send({
    type: 'session.update',
    session: { input_audio_format: 'g711_alaw', modalities: ['text'] },
  });
  t.match(await conversation.client.next('session.updated'), { session: { input_audio_format: 'g711_alaw' } });

  const late = await openRealtime(t);
  late.client.send({ type: 'transcription_session.update', session: { turn_detection: null } });
  t.match(await late.client.next('transcription_session.updated'), { session: { turn_detection: null } });
});

t.test('what is wrong is answered in their shape, and the socket goes on', async (t) => {
  const { client } = await openRealtime(t);
  const wrong: [string | Uint8Array | Fields, string, string | null][] = [
    ['{', 'invalid_json', null],
    ['[]', 'invalid_event', 'type'],
    ['null', 'invalid_event', null],
    ['{"type":7}', 'invalid_event', 'type'],
    ['{}', 'invalid_event', 'type'],
    [Buffer.from([1, 2, 3]), 'invalid_event', null],
    [{ type: 'no.such.event' }, 'invalid_value', 'type'],
    [{ type: 'response.create' }, 'unsupported_event', 'type'],
    [{ type: 'input_audio_buffer.append' }, 'missing_required_parameter', 'audio'],
    [{ type: 'input_audio_buffer.append', audio: 5 }, 'invalid_type', 'audio'],
    [{ type: 'input_audio_buffer.append', audio: 'not base64!' }, 'invalid_value', 'audio'],
    [{ type: 'input_audio_buffer.append', audio: 'A' }, 'invalid_value', 'audio'],
    [{ type: 'input_audio_buffer.commit' }, 'input_audio_buffer_commit_empty', null],
  ];
  for (const [index, [sent, code, param]] of wrong.entries()) {
    client.send(sent);
    const { error } = await client.next('error', index);
    t.match(error, { type: 'invalid_request_error', code, message: /./ }, JSON.stringify(sent));
    if (param !== null) t.match(error, { param });
  }
  client.send(
    { type: 'input_audio_buffer.append', audio: '' },
    append(Buffer.from([0])),
    append(Buffer.from([0, 0, 0])),
  );
  stream(client, loud('speech', 1), loud('silence', 1));
  await client.next(`${TRANSCRIPTION}.completed`);
  t.equal(client.all('error').length, wrong.length, 'odd chunks are put together');
});

t.test('no frame makes the reader throw', async (t) => {
  holds(
    t,
    fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array()), (frame) => readClientEvent(frame) !== undefined),
  );
  const fields = fc.record(
    {
      type: fc.constantFrom('session.update', 'input_audio_buffer.append'),
      session: fc.anything(),
      audio: fc.anything(),
    },
    { requiredKeys: ['type'] },
  );
  holds(
    t,
    fc.property(fields, (value) => readClientEvent(JSON.stringify(value)) !== undefined),
  );
});
