// The official SDKs against a real server with the embedded model: speech in, words out, live and recorded; URLs,
// callbacks, and bad input.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { Deepgram, DeepgramClient } from '@deepgram/sdk';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import t, { type Test } from 'tap';
import { decodeAudioFile } from '../../../../server/src/audio/audio-file.js';
import { connectEvents, type Fields } from '../../../support/event-client.js';
import { fixture, fixtureSamples } from '../../../support/fixtures.js';
import { interleaved } from '../../../support/loud-audio.js';
import { opusPackets } from '../../../support/opus-packets.js';
import { recordings, withoutRecordings } from '../../../support/recordings.js';
import { ServerProcess } from '../../../support/server-process.js';
import { joined, pcm16 } from '../../../support/speech.js';
import { wavFile } from '../../../support/wav-file.js';
import { until } from '../../../support/until.js';

const clip = readFileSync(fixture('en-question'));

/** A server on this machine. */
async function serve(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => void (server.closeAllConnections(), server.close()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

t.test('the embedded model', async (t) => {
  const server = await ServerProcess.start(t, ['--outbound-allow', '127.0.0.1', '--upload-bytes-max', '1000000']);
  const deepgram = new DeepgramClient({ apiKey: 'any', baseUrl: server.http, maxRetries: 0 });
  const post = (query: string, body: string | Uint8Array, type = 'audio/flac') =>
    fetch(`${server.http}/v1/listen?${query}`, { method: 'POST', body, headers: { 'content-type': type } });

  t.test('DG-1: live speech', async (t) => {
    const live = await deepgram.listen.v1.connect({
      model: 'nova-3',
      encoding: 'linear16',
      sample_rate: 16_000,
      smart_format: 'true',
      Authorization: 'Token any',
      reconnectAttempts: 0,
    });
    const transcripts: string[] = [];
    live.on('message', (message) => {
      if (message.type === 'Results') transcripts.push(message.channel.alternatives[0]?.transcript ?? '');
    });
    const closed = new Promise<number>((resolve) => live.on('close', ({ code }) => resolve(code)));
    live.connect();
    await live.waitForOpen();
    const audio = pcm16(await fixtureSamples('en-question'));
    for (let at = 0; at < audio.byteLength; at += 6_400) live.sendMedia(audio.subarray(at, at + 6_400));
    live.sendCloseStream({ type: 'CloseStream' });
    t.equal(await closed, 1000);
    t.match(transcripts.join(' '), /(?:Could|Can) you tell me where the nearest library is/);
  });

  t.test('RT-2: live speech, committed by the client', async (t) => {
    const { hostname: host, port } = new URL(server.http);
    const client = new OpenAI({ apiKey: 'any', baseURL: `${server.http}/v1` });
    const options = { createConnection: () => connectTcp({ host, port: Number(port) }) };
    const realtime = new OpenAIRealtimeWS({ model: 'gpt-4o-transcribe', options }, client);
    t.teardown(() => realtime.close());
    realtime.on('error', (error) => t.fail(String(error)));
    await new Promise((resolve) => realtime.once('session.created', resolve));
    realtime.send({
      type: 'session.update',
      session: { type: 'transcription', audio: { input: { turn_detection: null } } },
    });
    const samples = await fixtureSamples('en-question');
    // To 24 kHz, as roughly as can be.
    const audio = pcm16(
      Float32Array.from({ length: samples.length * 1.5 }, (_, i) => samples[Math.floor(i / 1.5)] ?? 0),
    );
    for (let at = 0; at < audio.byteLength; at += 9_600) {
      const chunk = Buffer.from(audio.subarray(at, at + 9_600)).toString('base64');
      realtime.send({ type: 'input_audio_buffer.append', audio: chunk });
    }
    realtime.send({ type: 'input_audio_buffer.commit' });
    const { transcript } = await new Promise<{ transcript: string }>((resolve) =>
      realtime.once('conversation.item.input_audio_transcription.completed', resolve),
    );
    t.match(transcript, /tell me where the nearest library is/);
  });

  t.test('DG-5: a file, with everything that can be asked for', async (t) => {
    const answer = await deepgram.listen.v1.media.transcribeFile(clip, {
      model: 'nova-3',
      smart_format: true,
      utterances: true,
      paragraphs: true,
      detect_language: true,
      keyterm: ['one', 'two words'],
    });
    t.match(answer, {
      metadata: { request_id: String, sha256: /^[\da-f]{64}$/, channels: 1, duration: Number, models: [String] },
      results: {
        channels: [
          {
            detected_language: 'en',
            language_confidence: 1,
            alternatives: [
              {
                transcript: /\w+ \w+/,
                confidence: Number,
                words: [
                  { word: /^[a-z]+$/, start: Number, end: Number, confidence: Number, punctuated_word: /^[A-Z]/ },
                ],
                paragraphs: {
                  transcript: /^\n\w/,
                  paragraphs: [{ sentences: [{ text: /[.?]$/ }], num_words: Number }],
                },
              },
            ],
          },
        ],
        utterances: [{ id: String, channel: 0, transcript: String, words: [{ punctuated_word: String }] }],
      },
    });
  });

  t.test('DG-1, DG-5: Chinese', { skip: withoutRecordings }, async (t) => {
    const clip = recordings('zh').find(({ id }) => id === 'aishell_BAC009S0150W0189');
    const { samples } = await decodeAudioFile(clip?.path ?? '');
    const twice = pcm16(joined(samples, new Float32Array(3 * 16_000), samples));
    const raw = 'language=zh&encoding=linear16&sample_rate=16000';
    const answer = await post(`${raw}&smart_format=true&utterances=true`, twice);
    const { results } = (await answer.json()) as {
      results: {
        channels: [{ alternatives: [{ transcript: string; paragraphs: { paragraphs: unknown[] } }] }];
        utterances: { transcript: string }[];
      };
    };
    const { transcript, paragraphs } = results.channels[0].alternatives[0];
    t.match(transcript, /上，还/u, 'a mark within the utterance');
    t.equal(results.utterances.map((utterance) => utterance.transcript).join(''), transcript, 'no spaces but its own');
    t.equal(paragraphs.paragraphs.length, 2, 'a pause ends a sentence that has no mark');

    const live = await connectEvents(t, `${server.http.replace('http', 'ws')}/v1/listen?${raw}&interim_results=true`);
    live.send(pcm16(samples), { type: 'CloseStream' });
    await live.closed;
    const interim = live.all('Results').findLast(({ is_final: isFinal }) => isFinal === false);
    t.match(interim, { channel: { alternatives: [{ words: [{ word: /^.$/u }, { word: /^.$/u }] }] } });
  });

  t.test('DG-5: a URL, without marks and capitals', async (t) => {
    const url = await serve(t, (_request, response) => response.end(clip));
    const answer = await deepgram.listen.v1.media.transcribeUrl({ url: `${url}/clip.flac`, model: 'nova-3' });
    const { results } = answer as unknown as { results: { channels: [{ alternatives: [{ transcript: string }] }] } };
    t.match(results.channels[0].alternatives[0].transcript, /^[a-z' ]+$/);
    t.notOk('utterances' in results);
  });

  t.test('raw audio, audio that is called raw, and what is not done', async (t) => {
    const samples = pcm16(await fixtureSamples('en-question'));
    const heard = async (query: string, body: Uint8Array) => {
      const answer = (await (await post(query, body)).json()) as {
        metadata: { duration: number; warnings?: Fields[] };
        results: { channels: [{ alternatives: [{ transcript: string }] }] };
      };
      return { ...answer.metadata, text: answer.results.channels[0].alternatives[0].transcript };
    };
    const plain = await heard('', clip);
    const raw = await heard('encoding=linear16&sample_rate=16000', samples);
    t.strictSame([raw.text, raw.duration], [plain.text, plain.duration]);
    for (const encoding of ['linear16', 'linear16&sample_rate=8000', 'flac', 'mulaw']) {
      t.equal((await heard(`encoding=${encoding}`, clip)).text, plain.text, `a file that is called ${encoding}`);
    }
    t.equal((await post('encoding=linear16', samples)).status, 400);
    t.notOk('warnings' in plain);
    const asked = await heard('diarize=true&summarize=v2&topics=true&intents=true&sentiment=false', clip);
    t.strictSame(
      asked.warnings?.map(({ parameter }) => parameter),
      ['diarize', 'summarize', 'topics', 'intents'],
    );
  });

  t.test('packets of Opus without a container, as turns', async (t) => {
    const file = readFileSync(new URL('../../../fixtures/audio/formats/speech.opus', import.meta.url));
    const query = 'model=flux-general-en&encoding=opus&sample_rate=48000';
    const client = await connectEvents(t, `${server.http.replace('http', 'ws')}/v2/listen?${query}`);
    client.send(...opusPackets(file), { type: 'CloseStream' });
    t.match(await client.closed, { code: 1000 });
    const whole = (await (await post('punctuate=true', new Uint8Array(file))).json()) as {
      results: { channels: [{ alternatives: [{ transcript: string }] }] };
    };
    const ends = client.all('TurnInfo').filter(({ event }) => event === 'EndOfTurn');
    const [words, wanted] = [
      ends.map(({ transcript }) => String(transcript)).join(' '),
      whole.results.channels[0].alternatives[0].transcript,
    ].map((text) => text?.toLowerCase().match(/[a-z]+/g) ?? []);
    t.ok(wanted !== undefined && wanted.length > 3);
    t.strictSame(words?.slice(0, 3), wanted?.slice(0, 3));
  });

  t.test('a callback gets the document, or what went wrong', async (t) => {
    const got: Fields[] = [];
    let failures = 1;
    const url = await serve(t, (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        // The first attempt fails, and is repeated.
        response.statusCode = failures-- > 0 ? 500 : 200;
        if (response.statusCode === 200)
          got.push({ method: request.method, ...JSON.parse(String(Buffer.concat(parts))) });
        response.end();
      });
    });
    const response = await post(`callback=${url}/done&callback_method=put`, clip);
    const { request_id: id } = (await response.json()) as { request_id: string };
    t.match([response.status, response.headers.get('dg-request-id')], [200, id]);
    await until(() => got.length === 1, 'the document');
    t.match(got[0], { method: 'PUT', metadata: { request_id: id }, results: { channels: [{}] } });
    t.equal((await post(`callback=${url}/done`, 'rubbish')).status, 200);
    await until(() => got.length === 2, 'the failure');
    t.match(got[1], { method: 'POST', err_code: 'Bad Request', request_id: String });
  });

  t.test('bad input is refused in their shape', async (t) => {
    const refused = async (response: Response, status: number, body: object): Promise<void> => {
      t.equal(response.status, status);
      t.match(await response.json(), { err_msg: String, request_id: String, ...body });
      t.ok(response.headers.get('dg-error') !== null && response.headers.get('dg-request-id') !== null);
    };
    const url = (target: string) => post('', JSON.stringify({ url: target }), 'application/json');
    await refused(await post('', ''), 400, { err_code: 'Bad Request' });
    await refused(await post('language=xx', clip), 400, { err_code: 'INVALID_QUERY_PARAMETER' });
    await refused(await post('', new Uint8Array(1_000_001)), 413, { err_code: 'PAYLOAD_TOO_LARGE' });
    await refused(await post('', '{', 'application/json'), 400, { err_code: 'Bad Request' });
    await refused(await post('', '{}', 'application/json'), 400, { err_code: 'Bad Request' });
    const form = await post('', 'url=https%3A%2F%2Fexample.org%2Ftalk.mp3', 'application/x-www-form-urlencoded');
    await refused(form, 415, { err_code: 'Bad Request', err_msg: /text fields/ });
    await refused(await url('http://10.0.0.1/x.wav'), 400, { err_code: 'REMOTE_CONTENT_ERROR' });
    await refused(await url('http://[::1]:1/x.wav'), 400, { err_code: 'REMOTE_CONTENT_ERROR' });
    await refused(await url('file:///etc/passwd'), 400, { err_code: 'REMOTE_CONTENT_ERROR' });
    await refused(await url('http://127.0.0.1:1/x.wav'), 400, { err_code: 'REMOTE_CONTENT_ERROR' });
    const missing = await serve(t, (_request, response) => void response.writeHead(404).end());
    await refused(await url(missing), 400, { err_code: 'REMOTE_CONTENT_ERROR' });
    const inside = await serve(
      t,
      (_request, response) => void response.writeHead(302, { location: 'http://10.1.1.1/' }).end(),
    );
    await refused(await url(inside), 400, { err_code: 'REMOTE_CONTENT_ERROR' });
    await refused(await post('callback=http://169.254.169.254/', clip), 400, { err_code: 'REMOTE_CONTENT_ERROR' });
    const error: unknown = await deepgram.listen.v1.media
      .transcribeFile(Buffer.from('no audio'), { model: 'nova-3' })
      .catch((failure: unknown) => failure);
    t.ok(error instanceof Deepgram.BadRequestError);
  });

  t.test('two channels, each for itself', async (t) => {
    const left = pcm16(await fixtureSamples('en-question'));
    const right = Buffer.alloc(left.byteLength);
    const stereo = wavFile(
      { tag: 1, channels: 2, sampleRate: 16_000, bits: 16 },
      interleaved(Buffer.from(left), right),
    );
    const answer = await deepgram.listen.v1.media.transcribeFile(Buffer.from(stereo), {
      model: 'nova-3',
      multichannel: true,
      utterances: true,
    });
    t.match(answer, {
      metadata: { channels: 2 },
      results: {
        channels: [{ alternatives: [{ transcript: /library/ }] }, { alternatives: [{ transcript: '' }] }],
        utterances: [{ channel: 0 }],
      },
    });
  });
});
