// Base URLs as people configure them: they reach the address that was meant; what is none is told the nearest.
import { once } from 'node:events';
import OpenAI, { AzureOpenAI, toFile } from 'openai';
import t from 'tap';
import { WebSocket } from 'ws';
import { openCompatGateway } from '../../../support/compat-gateway.js';
import { openFileGateway } from '../../../support/file-gateway.js';
import { s16le, sine, wavFile } from '../../../support/wav-file.js';

const audio = wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, s16le(sine(440, 16_000, 3.2)));
const talk = () => toFile(audio, 'talk.wav');

t.test('OpenAI clients with and without /v1, with slashes, with the prefix of Groq', async (t) => {
  const { http } = await openFileGateway(t);
  for (const base of ['', '/', '/v1/', '//v1', '/v1/v1', '/openai/v1']) {
    const client = new OpenAI({ apiKey: 'any', baseURL: `${http}${base}`, maxRetries: 0 });
    t.match(await client.audio.transcriptions.create({ file: await talk(), model: 'whisper-1' }), { text: /w0/ }, base);
    t.match(await client.models.retrieve('whisper-1'), { id: 'whisper-1' }, base);
  }
});

t.test("Azure's client names a deployment of any name", async (t) => {
  const { http } = await openFileGateway(t);
  const options = { apiKey: 'any', apiVersion: '2024-10-21', maxRetries: 0 };
  const client = new AzureOpenAI({ ...options, endpoint: http });
  t.match(await client.audio.transcriptions.create({ file: await talk(), model: 'our-ears' }), { text: /w0/ });
  const form = new FormData();
  form.set('file', new Blob([audio]), 'talk.wav');
  const address = `${http}/openai/deployments/our-ears/audio/transcriptions?api-version=2024-10-21`;
  t.match(await (await fetch(address, { method: 'POST', body: form })).json(), { text: /w0/ }, 'without a model');
});

t.test('anything else is 404 with the nearest address, whatever the method', async (t) => {
  const { http } = await openFileGateway(t);
  for (const method of ['GET', 'POST', 'DELETE']) {
    const answer = await fetch(`${http}/audio/transcription`, { method });
    t.equal(answer.status, 404);
    t.match(await answer.json(), {
      error: { code: 'not_found', message: /The nearest address is POST \/v1\/audio\/transcriptions\.$/ },
    });
  }
  t.equal((await fetch(`${http}/audio/transcriptions`)).status, 404, 'not 405');
  t.match(await (await fetch(`${http}/.git/config`)).json(), { error: { message: /See \/ and \/docs\.$/ } });
});

t.test('sockets', async (t) => {
  const { url } = await openCompatGateway(t);
  const paths = [
    '/realtime?intent=transcription',
    '/v1/realtime/?intent=transcription',
    '/openai/v1/realtime?intent=transcription',
    '/listen',
    '//v1/listen',
  ];
  for (const path of paths) {
    const socket = new WebSocket(`${url}${path}`, { headers: { authorization: 'Bearer any' } });
    await once(socket, 'open');
    t.pass(path);
    socket.terminate();
  }
});
