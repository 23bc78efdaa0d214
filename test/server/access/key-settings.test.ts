// What a key demands holds at every door, whatever its client asks for. The words are numbers that are in the audio.
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import type { MarkedSpeech } from '../../../bench/src/nodes/marked-speech.js';
import { KeyRing } from '../../../server/src/access/key-ring.js';
import type { KeySettings } from '../../../server/src/access/key-settings.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { markedTalk } from '../../support/marked-talk.js';
import { runSotto } from '../../support/run-command.js';
import { s16le, wavFile } from '../../support/wav-file.js';
import { testFolder } from '../../support/test-folder.js';
import { startWholeServer } from '../../support/whole-server.js';
import { connectWire } from '../../support/wire-client.js';

const AUDIO = { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } as const;
/** The second word is hidden, the third is written in another way. */
const SETTINGS: KeySettings = {
  redact: ['names'],
  redactNames: ['21'],
  replacements: [{ find: '22', replace: 'twenty-two' }],
  profanity: 'mask',
};
const talk = await markedTalk(['en-date'], 20);
const wav = wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, s16le(Array.from(talk.samples, (one) => one / 32_768)));

async function open(t: Test, settings: KeySettings) {
  const dataDir = testFolder(t);
  const store = await LmdbStore.open(dataDir);
  const ring = await KeyRing.open(store);
  const scopes = ['stream', 'files', 'admin'] as const;
  const { text: key } = await ring.create({ name: 'one', scopes, settings });
  const { text: other } = await ring.create({ name: 'other', scopes });
  await store.close();
  const { url } = await startWholeServer(t, { dataDir, engine: 'marked', vad: 'silero' });
  return { url, key, other };
}

/** What is heard of the talk, with more of it hidden where the client asks for that. */
function heard(hides: boolean, { words }: MarkedSpeech = talk): RegExp {
  const rest = words.slice(3).map((word) => (hides && word === '23' ? '\\[name\\]' : word));
  return new RegExp(`^20\\W+\\[name\\]\\W+twenty-two\\W+${rest.join('\\W+')}\\W*$`, 'i');
}

function form(fields: Readonly<Record<string, string>>): FormData {
  const form = new FormData();
  form.append('file', new Blob([wav]), 'talk.wav');
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

const MORE = { redact: 'names', redactNames: '23' };
const LESS = { redact: '[]', redactNames: '[]', profanity: 'off', replacements: '24=24' };

t.test('recordings and jobs', async (t) => {
  const { url, key, other } = await open(t, SETTINGS);
  const post = async (path: string, body: FormData | Uint8Array, authorization = `Bearer ${key}`): Promise<unknown> => {
    const answer = await fetch(`${url}${path}`, { method: 'POST', body, headers: { authorization } });
    t.ok(answer.ok, `${path} ${answer.status}`);
    return answer.json();
  };
  const openAi = async (fields: Readonly<Record<string, string>>): Promise<string> =>
    ((await post('/v1/audio/transcriptions', form({ model: 'whisper-1', ...fields }))) as { text: string }).text;
  t.match(await openAi({}), heard(false));
  t.match(await openAi(MORE), heard(true), 'OpenAI: added to');
  t.match(await openAi(LESS), heard(false), 'OpenAI: nothing taken away');

  const deepgram = async (query: string): Promise<string> => {
    type Document = { results: { channels: { alternatives: { transcript: string }[] }[] } };
    const document = (await post(`/v1/listen?${query}`, wav, `Token ${key}`)) as Document;
    return document.results.channels[0]?.alternatives[0]?.transcript ?? '';
  };
  t.match(await deepgram('punctuate=true'), heard(false), 'Deepgram');
  t.match(await deepgram('punctuate=true&redact=pci'), /^20 \[name\] twenty-two \[card\]$/, 'Deepgram: added to');
  t.match(
    await deepgram('punctuate=true&profanity_filter=false&replace=24:24'),
    heard(false),
    'Deepgram: nothing taken away',
  );

  t.match(((await post('/transcribe_only', form(LESS))) as { raw_text: string }).raw_text, heard(false));
  const without = (await post('/transcribe_only', form({}), `Bearer ${other}`)) as { raw_text: string };
  t.match(without.raw_text, /^20\W+21\W+22/, 'another key hears all of the same recording, kept or not');

  const { id } = (await post('/v1/jobs', form({ redact: '[]' }))) as { id: string };
  for (;;) {
    const job = await fetch(`${url}/v1/jobs/${id}`, { headers: { authorization: `Bearer ${key}` } });
    const { state } = (await job.json()) as { state: string };
    t.not(state, 'failed');
    if (state === 'done') break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const kept = await fetch(`${url}/v1/transcripts/${id}`, { headers: { authorization: `Bearer ${key}` } });
  t.match(((await kept.json()) as { text: string }).text, heard(false), 'a job');
});

t.test('live sessions, by a key and by a token that it gave out', async (t) => {
  const { url, key } = await open(t, SETTINGS);
  const base = url.replace('http', 'ws');
  const bytes = new Uint8Array(talk.samples.buffer, talk.samples.byteOffset, talk.samples.byteLength);
  const minted = await fetch(`${url}/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: '{}',
  });
  const { token } = (await minted.json()) as { token: string };
  for (const credential of [key, token]) {
    const client = await connectWire(t, `${base}/v1/stream`, 'msgpack', [
      'sotto.v1.msgpack',
      `sotto.token.${credential}`,
    ]);
    client.send({ type: 'start', audio: AUDIO, redact: [], redactNames: [], profanity: 'off', replacements: [] });
    await client.next('ready');
    client.send({ type: 'configure', redact: ['names'], redactNames: ['23'] });
    for (let at = 0; at < bytes.length; at += 32_000) {
      client.send({ type: 'audio', offset: at / 2, data: bytes.subarray(at, at + 32_000) });
    }
    client.send({ type: 'stop' });
    await client.closed;
    const said = client
      .all('final')
      .map(({ text }) => text)
      .join(' ');
    t.match(said, heard(true));
    for (const { stable, tentative } of client.all('partial')) t.notMatch(stable + tentative, /\b(?:21|22|23)\b/);
    const { sessionId } = await client.next('ready');
    const kept = await fetch(`${url}/v1/transcripts/${sessionId}`, { headers: { authorization: `Bearer ${key}` } });
    t.match(((await kept.json()) as { text: string }).text, heard(true), 'as it is kept');
  }

  const socket = new WebSocket(`${base}/v1/listen?encoding=linear16&sample_rate=16000&replace=%5Bname%5D:21`, {
    headers: { authorization: `Token ${key}` },
  });
  t.teardown(() => socket.terminate());
  const texts: string[] = [];
  socket.on('message', (data: Buffer) => {
    type Results = { type: string; is_final?: boolean; channel?: { alternatives: { transcript: string }[] } };
    const { type, is_final: isFinal, channel } = JSON.parse(data.toString()) as Results;
    if (type === 'Results' && isFinal === true) texts.push(channel?.alternatives[0]?.transcript ?? '');
  });
  await new Promise((resolve) => socket.once('open', resolve));
  socket.send(bytes);
  socket.send(JSON.stringify({ type: 'CloseStream' }));
  await new Promise((resolve) => socket.once('close', resolve));
  t.match(texts.join(' '), /^\s*20\W.*twenty-two/i, 'Deepgram');
});

t.test('how a key is given them', async (t) => {
  const { url, key } = await open(t, {});
  const make = (body: object): Promise<Response> =>
    fetch(`${url}/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const settings = { redact: ['card'], hotwords: ['Ibuprofen'] };
  t.match(await (await make({ name: 'clinic', settings })).json(), { settings });
  t.match([(await make({ settings: { redact: ['all'] } })).status], [400]);
  t.match([(await make({ settings: { hotwords: Array(501).fill('a') } })).status], [400]);

  const dataDir = testFolder(t);
  const sotto = (...args: string[]) => runSotto(['keys', ...args, '--data-dir', dataDir]).result;
  const flags = ['--redact', 'card,names', '--redact-names', 'Anna Smith', '--replace', 'jason=JSON'];
  t.match(await sotto('create', '--name', 'desk', ...flags, '--hotword', 'Sotto'), { code: 0, stdout: /^sotto_/ });
  t.match((await sotto('list')).stdout, /desk {2}redact card,names, 1 names, 1 replacements, 1 hotwords\n$/);
  const wrong = await sotto('create', '--redact', 'all');
  t.match(wrong, { code: 2, stderr: /^sotto: --redact takes card, / });
});
