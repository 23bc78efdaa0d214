// The addresses of whisper-asr-webservice, asked as Bazarr asks them.
import t from 'tap';
import { openFileGateway } from '../../support/file-gateway.js';
import { s16le, sine, wavFile } from '../../support/wav-file.js';

const samples = s16le(sine(440, 16_000, 3.2));
const wav = wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, samples);

async function ask(address: string, audio: Uint8Array, field = 'audio_file'): Promise<Response> {
  const form = new FormData();
  form.set(field, new Blob([audio]), 'talk.wav');
  return fetch(address, { method: 'POST', body: form });
}

t.test('each output', async (t) => {
  const { http } = await openFileGateway(t);
  const text = async (query: string): Promise<string> => (await ask(`${http}/asr?${query}`, wav)).text();
  t.equal(await text('task=transcribe&language=en'), 'w0.\nw1.\nw2.\n');
  t.match(await text('output=srt'), /^1\n00:00:00,000 --> 00:00:0\d,\d{3}\nw0\./);
  t.match(await text('output=vtt'), /^WEBVTT\n/);
  t.match(await text('output=tsv'), /^start\tend\ttext\n0\t900\tw0\.\n/);
  t.match(JSON.parse(await text('output=json&word_timestamps=true')), {
    text: 'w0. w1. w2.',
    language: 'en',
    segments: [{ id: 0, start: 0, end: 0.9, text: 'w0.', words: [{ word: 'w0.', start: 0, end: 0.9 }] }, {}, {}],
  });
  const { headers } = await ask(`${http}/asr?output=srt`, wav);
  t.equal(headers.get('content-type'), 'text/plain; charset=utf-8');
  t.match(headers.get('content-disposition'), /talk\.wav\.srt/);
});

t.test('encode=false: raw samples, as Bazarr sends them', async (t) => {
  const { http } = await openFileGateway(t);
  const answer = await ask(`${http}/asr?task=transcribe&language=en&output=srt&encode=false`, samples);
  t.match(await answer.text(), /w0[^]*w1[^]*w2/);
  const language = await ask(`${http}/detect-language?encode=false`, samples);
  t.same(await language.json(), { detected_language: 'english', language_code: 'en', confidence: 1 });
});

t.test('what is wrong is said', async (t) => {
  const { http } = await openFileGateway(t);
  const fails = async (status: number, code: string, answer: Promise<Response>): Promise<void> => {
    const response = await answer;
    t.equal(response.status, status, code);
    t.match(await response.json(), { error: { code } });
  };
  await fails(400, 'file_missing', ask(`${http}/asr`, wav, 'file'));
  await fails(400, 'unsupported_language', ask(`${http}/asr?language=tlh`, wav));
  await fails(400, 'invalid_request', ask(`${http}/asr?output=docx`, wav));
  await fails(400, 'invalid_request', ask(`${http}/asr?task=summarise`, wav));
  await fails(400, 'not_audio', ask(`${http}/asr`, Buffer.from('hello there, not audio')));
});
