// Every address of the server in one table, with the schemas that its handlers validate by.
import * as v from 'valibot';
import { KeyRequest, TokenRequest } from '../access/access-routes.js';
import { ASR_FIELDS } from '../asr-webservice/asr-routes.js';
import { GrantRequest } from '../compat/deepgram/auth-routes.js';
import { UrlRequest } from '../compat/deepgram/listen-route.js';
import { BetaRequest, SecretRequest } from '../compat/openai-realtime/client-secret-routes.js';
import { TRANSCRIPTION_FORM } from '../compat/openai-rest/transcription-options.js';
import { HEALTH_ANSWER } from '../status/health.js';
import { JobOptions } from '../../jobs/job.js';
import { PathJob } from '../jobs/job-routes.js';
import { PolishBody } from '../polish/polish-routes.js';
import {
  JSON_FILE,
  OPTIMIZE_ANSWER,
  OPTIMIZE_FIELDS,
  TRANSCRIBE_ANSWER,
  TRANSCRIBE_FIELDS,
} from '../recordings/recording-schemas.js';
import { ModelRequest } from '../panel/operation-routes.js';
import { DOCUMENT_FORMATS } from '../../transcripts/transcript-document.js';
import type { Operation } from './operation.js';

const LANGUAGE = { name: 'language', description: 'Language code such as en, or auto.' } as const;
const WHICH_TRACK = { name: 'track', description: 'The sound track, by number (from 1) or language.' } as const;

/** By method and path, as routes have them. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'POST /transcribe_only': {
    tag: 'Files',
    summary: 'A recording in, its text out.',
    query: [LANGUAGE, WHICH_TRACK],
    form: TRANSCRIBE_FIELDS,
    json: v.object({ ...JSON_FILE.entries, ...TRANSCRIBE_FIELDS.entries }),
    takesBytes: true,
    answer: { schema: TRANSCRIBE_ANSWER },
  },
  'POST /transcribe_and_optimize': {
    tag: 'Files',
    summary: 'A recording in, its text out, raw and as readable text.',
    query: [LANGUAGE, WHICH_TRACK, { name: 'mode', description: 'How the text is polished.' }],
    form: OPTIMIZE_FIELDS,
    json: v.object({ ...JSON_FILE.entries, ...OPTIMIZE_FIELDS.entries }),
    takesBytes: true,
    answer: { schema: OPTIMIZE_ANSWER },
  },
  'POST /optimize_only': { tag: 'Polish', summary: 'The same as /v1/polish.', json: PolishBody },
  'POST /v1/polish': { tag: 'Polish', summary: 'Polishes a text, or several.', json: PolishBody },
  'POST /v1/jobs': {
    tag: 'Jobs',
    summary: 'Takes a large recording, uploaded or in the folder of the server, to be transcribed in the background.',
    form: JobOptions,
    json: PathJob,
    answer: { status: 202 },
  },
  'GET /v1/jobs': {
    tag: 'Jobs',
    summary: 'The jobs, newest first.',
    query: [{ name: 'limit', description: '1 to 100.' }],
  },
  'GET /v1/jobs/:id': { tag: 'Jobs', summary: 'State, progress, estimated end and result of a job.' },
  'DELETE /v1/jobs/:id': { tag: 'Jobs', summary: 'Cancels a job and forgets it.' },
  'GET /v1/jobs/:id/events': {
    tag: 'Jobs',
    summary: 'The progress of a job as server-sent events.',
    answer: { contentTypes: ['text/event-stream'] },
  },
  'GET /v1/transcripts': {
    tag: 'Transcripts',
    summary: 'The transcripts that are kept, newest first, or those that hold the words of q.',
    query: [
      { name: 'q', description: 'Words to look for.' },
      { name: 'limit', description: 'How many at most.' },
    ],
  },
  'GET /v1/transcripts/:id': {
    tag: 'Transcripts',
    summary: 'A transcript, as JSON, text, subtitles or a document.',
    query: [{ name: 'format', description: `One of ${DOCUMENT_FORMATS.join(', ')}.` }],
  },
  'DELETE /v1/transcripts/:id': { tag: 'Transcripts', summary: 'Forgets a transcript.' },
  'POST /v1/audio/transcriptions': {
    tag: 'OpenAI',
    summary: 'Transcribes a recording, as OpenAI’s audio API does; stream=true answers with server-sent events.',
    form: TRANSCRIPTION_FORM,
    answer: { contentTypes: ['application/json', 'text/plain', 'text/event-stream'] },
  },
  'POST /v1/audio/translations': {
    tag: 'OpenAI',
    summary: 'Transcribes a recording in English, whatever is spoken.',
    form: v.pick(TRANSCRIPTION_FORM, ['model', 'prompt', 'response_format', 'temperature']),
    answer: { contentTypes: ['application/json', 'text/plain'] },
  },
  'GET /v1/models': { tag: 'OpenAI', summary: 'The names of models that this server answers to.' },
  'GET /v1/models/:id': { tag: 'OpenAI', summary: 'One of them.' },
  'GET /v1/models/:owner/:id': { tag: 'OpenAI', summary: 'One whose name has a slash, as it is.' },
  'POST /v1/realtime/client_secrets': {
    tag: 'OpenAI',
    summary: 'A short-lived key for a browser, with the settings of its sessions.',
    json: SecretRequest,
  },
  'POST /v1/realtime/transcription_sessions': {
    tag: 'OpenAI',
    summary: 'The same in the beta’s shape.',
    json: BetaRequest,
  },
  'POST /v1/listen': {
    tag: 'Deepgram',
    summary: 'Transcribes a recording, or the one at a URL, as Deepgram’s API does.',
    json: UrlRequest,
    takesBytes: true,
  },
  'POST /v1/auth/grant': { tag: 'Deepgram', summary: 'A short-lived token.', json: GrantRequest },
  'GET /v1/auth/token': { tag: 'Deepgram', summary: 'Whether a key is valid.' },
  'GET /v1/panel': {
    tag: 'Server',
    summary:
      'What the panel at /dashboard shows: live sessions, the last hour, devices. For admins where keys are demanded.',
    query: [
      { name: 'since', description: 'Only samples of the last hour that are later, in milliseconds since 1970.' },
    ],
  },
  'DELETE /v1/panel/sessions/:id': {
    tag: 'Server',
    summary: 'Ends a live session: its open segment gets its final first. For admins where keys are demanded.',
    answer: { status: 202 },
  },
  'POST /v1/drain': {
    tag: 'Server',
    summary:
      'Ends the server as SIGTERM does: sessions finish or move to another node. For admins where keys are demanded.',
    query: [{ name: 'stay', description: 'true: it only lets no further stream begin; those that there are go on.' }],
    answer: { status: 202 },
  },
  'DELETE /v1/drain': {
    tag: 'Server',
    summary: 'Streams may begin again, after a drain that stayed. For admins where keys are demanded.',
  },
  'GET /v1/model': {
    tag: 'Server',
    summary:
      'The model that serves, those that are installed, and how the last swap went. For admins where keys are demanded.',
  },
  'PUT /v1/model': {
    tag: 'Server',
    summary:
      'Loads another installed model and lets it serve; utterances that have begun end with the former one. For admins where keys are demanded.',
    json: ModelRequest,
  },
  'GET /v1/keys': { tag: 'Access', summary: 'The API keys, oldest first. For admins.' },
  'POST /v1/keys': {
    tag: 'Access',
    summary: 'Makes an API key; the answer is the only place where it is shown. For admins.',
    json: KeyRequest,
    answer: { status: 201 },
  },
  'DELETE /v1/keys/:id': { tag: 'Access', summary: 'Revokes an API key and all tokens that it gave out. For admins.' },
  'POST /v1/tokens': {
    tag: 'Access',
    summary: 'A short-lived token for a browser, with limits inside.',
    json: TokenRequest,
    answer: { status: 201 },
  },
  'POST /asr': {
    tag: 'Subtitles',
    summary: 'A recording in audio_file, its text or subtitles out, as whisper-asr-webservice answers (Bazarr).',
    query: [
      { name: 'output', description: 'txt, vtt, srt, tsv or json.' },
      LANGUAGE,
      { name: 'task', description: 'transcribe, or translate.' },
    ],
    form: ASR_FIELDS,
    fileField: 'audio_file',
    answer: { contentTypes: ['text/plain'] },
  },
  'POST /detect-language': {
    tag: 'Subtitles',
    summary: 'The language of the first half minute of speech.',
    form: v.pick(ASR_FIELDS, ['encode']),
    fileField: 'audio_file',
  },
  'GET /health': {
    tag: 'Server',
    summary: 'Is the process alive, with which models on which devices.',
    answer: { schema: HEALTH_ANSWER },
  },
  'GET /ready': { tag: 'Server', summary: '200 when it takes sessions, else 503; engines and polish.' },
  'GET /metrics': { tag: 'Server', summary: 'Numbers for Prometheus.', answer: { contentTypes: ['text/plain'] } },
  'GET /openapi.json': { tag: 'Server', summary: 'This document.' },
  'GET /docs': { tag: 'Server', summary: 'A page to read and try it.', answer: { contentTypes: ['text/html'] } },
};
