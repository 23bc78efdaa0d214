// Every setting of the server, in one table: its flag, variable, file key, help and documentation are derived from it.
import { LIMITS } from '@sotto/protocol';
import { DEVICE_LIST } from '../asr/devices.js';
import { SHARING_DEFAULTS } from '../watch/shares.js';
import { POLISH_BUDGETS } from '../session/session-polish.js';
import { SESSION_DEFAULTS } from '../session/session-settings.js';
import { choice, form, fraction, integer, optionalText, secret, text, toggle, type Setting } from './setting.js';

const HOUR_MS = 3_600_000;
const GIB = 1_073_741_824;

/** The table, by the groups of the help. */
export const SETTING_GROUPS = {
  Server: {
    host: text('127.0.0.1', {
      unit: 'address',
      meaning:
        'Address to listen on. The default is reachable from this machine only; 0.0.0.0 (or ::) opens it to the network.',
    }),
    port: integer(8080, {
      min: 0,
      max: 65_535,
      meaning: 'Port to listen on; 0 takes a free one.',
      otherVariables: ['PORT'],
    }),
    transport: choice(['auto', 'uws', 'ws'], 'auto', {
      meaning:
        'WebSocket server: uWebSockets.js, or ws, which runs on every Node. auto takes the first that runs here.',
    }),
    corsOrigins: optionalText({
      unit: 'origins',
      meaning:
        'Origins (https://example.org, separated by commas; * for all) whose pages may call the HTTP API from a browser. Empty: none but the server itself.',
    }),
    log: choice(['auto', 'plain', 'json'], 'auto', {
      meaning: 'Form of the log on standard error: auto is plain lines on a terminal, JSON elsewhere.',
    }),
    logLevel: choice(['debug', 'info', 'warn', 'error', 'silent'], 'info', { meaning: 'What is logged.' }),
    tlsCert: optionalText({
      unit: 'file',
      meaning:
        'Certificate (PEM, with its chain): the server then speaks https and wss only. Empty: http and ws, as behind a proxy.',
    }),
    tlsKey: optionalText({ unit: 'file', meaning: 'Private key of the certificate (PEM, without a passphrase).' }),
    outboundAllow: optionalText({
      unit: 'addresses, networks, names',
      meaning:
        'What URLs of clients (audio to fetch, callbacks, webhooks) may lead to beside the public internet, comma-separated: 10.0.0.0/8, hooks.internal.',
    }),
    drainTimeoutMs: integer(10_000, {
      unit: 'milliseconds',
      min: 0,
      max: HOUR_MS,
      meaning: 'How long sessions may take to finish after SIGTERM or SIGINT; then the process ends all the same.',
    }),
  },
  Recognition: {
    model: optionalText({
      unit: 'name',
      meaning: 'Installed model to use (`sotto models list`). Empty: the best one installed, else the demo model.',
    }),
    models: optionalText({ unit: 'folder', meaning: 'Where installed models are. Empty: the user data folder.' }),
    engine: choice(['whisper', 'null'], 'whisper', {
      meaning: 'What recognises. null hears nothing and answers at once: for benchmarks of everything around it.',
    }),
    engineHost: choice(['process', 'inline'], 'process', {
      meaning:
        'Where engines on the CPU run: each in a process of its own, as those on GPUs always do, whose crash costs no connection, or in the server itself.',
    }),
    devices: form('cpu', DEVICE_LIST, 'a list of devices: cpu, or cuda:0,cuda:1', {
      unit: 'devices',
      meaning:
        'What engines run on: cpu, or the GPUs of NVIDIA by number, comma-separated. One engine for each GPU; the least loaded takes the next work.',
    }),
    engines: integer(1, {
      min: 1,
      max: 64,
      meaning: 'Engines on the CPU that share the work. More help only with more cores than one engine uses.',
    }),
    threads: integer(0, {
      min: 0,
      max: 256,
      meaning: 'Threads of one engine. 0: the cores of this machine, shared among the engines.',
    }),
    precision: choice(['auto', 'int8', 'fp32'], 'auto', {
      meaning:
        'What engines on the CPU calculate in: fp32, or int8 in most of the encoder, which is faster and hears nearly the same. auto: int8.',
    }),
    stability: choice(['both', 'align-att', 'local-agreement'], 'both', {
      meaning:
        'When the text of a partial becomes stable: by attention, by two agreeing hypotheses, or when both say so.',
    }),
    holdbackMs: integer(400, {
      unit: 'milliseconds',
      min: 0,
      max: 5_000,
      meaning: 'Words that end closer than this to the end of the audio stay tentative (align-att, both).',
    }),
    fallbackBudgetMs: integer(1_000, {
      unit: 'milliseconds',
      min: 0,
      max: 60_000,
      meaning: 'How long a doubtful final may be decoded again at higher temperatures; 0 turns that off.',
    }),
  },
  Speech: {
    vad: choice(['silero', 'null'], 'silero', {
      meaning:
        'What tells speech from silence. null hears silence in everything: with the null engine, no model at all, for benchmarks of the gateway.',
    }),
    vadRuns: integer(0, {
      unit: 'runs',
      min: 0,
      max: 64,
      meaning:
        'Runs of the VAD at the same time, a thread each, over several hundred streams. 0: one for every four cores, 1 to 4.',
    }),
    partialIntervalMs: integer(SESSION_DEFAULTS.partialIntervalMs, {
      unit: 'milliseconds',
      min: 100,
      max: 10_000,
      meaning: 'New audio between two partials, where the client does not say. Shorter costs more compute.',
    }),
    speechThreshold: fraction(SESSION_DEFAULTS.endpointing.threshold, {
      min: 0.05,
      max: 0.95,
      meaning: 'Speech probability at which speech begins, where the client does not say.',
    }),
    minSilenceMs: integer(SESSION_DEFAULTS.endpointing.minSilenceMs, {
      unit: 'milliseconds',
      min: 96,
      max: 10_000,
      meaning:
        'Silence that ends an utterance, where the client does not say. Shorter: earlier finals, more cuts inside sentences.',
    }),
    minSpeechMs: integer(SESSION_DEFAULTS.endpointing.minSpeechMs, {
      unit: 'milliseconds',
      min: 0,
      max: 5_000,
      meaning: 'Speech shorter than this is no utterance, where the client does not say.',
    }),
    prefixPaddingMs: integer(SESSION_DEFAULTS.endpointing.prefixPaddingMs, {
      unit: 'milliseconds',
      min: 0,
      max: 2_000,
      meaning: 'Audio kept before the detected start of speech, where the client does not say.',
    }),
    maxUtteranceMs: integer(SESSION_DEFAULTS.endpointing.maxUtteranceMs, {
      unit: 'milliseconds',
      min: 2_000,
      max: 28_000,
      meaning: 'An utterance is cut at its best pause before it grows longer, where the client does not say.',
    }),
  },
  Connections: {
    maxConnections: integer(4_000, {
      min: 1,
      max: 1_000_000,
      meaning: 'Open sockets. Beyond: HTTP 503. Each needs a file descriptor (`ulimit -n`).',
    }),
    messageBytesMax: integer(SESSION_DEFAULTS.messageBytesMax, {
      unit: 'bytes',
      min: 1_024,
      max: LIMITS.messageBytesMax,
      meaning: 'One message of a client. Beyond: closed with 1009.',
    }),
    messagesPerSecondMax: integer(2_000, {
      unit: 'messages per second',
      min: 10,
      max: 1_000_000,
      meaning: 'Messages of one client, averaged over two seconds. Beyond: closed with 4429.',
    }),
    bufferedAudioMsMax: integer(SESSION_DEFAULTS.bufferedAudioMsMax, {
      unit: 'milliseconds',
      min: 1_000,
      max: 600_000,
      meaning:
        'Audio of one client that may wait to be processed. Beyond: its sends wait; beyond twice as much: closed with 4429.',
    }),
    inboxBytesMax: integer(8_388_608, {
      unit: 'bytes',
      min: 65_536,
      max: GIB,
      meaning: 'The same bound in bytes for what waits unread, whatever the audio format.',
    }),
    outboxBytesMax: integer(1_048_576, {
      unit: 'bytes',
      min: 65_536,
      max: GIB,
      meaning: 'Messages that may wait for one slow reader. Beyond: closed with 4413.',
    }),
    outboxStallMs: integer(20_000, {
      unit: 'milliseconds',
      min: 1_000,
      max: HOUR_MS,
      meaning: 'How long a reader may take nothing while messages wait for it. Beyond: closed with 4413.',
    }),
    startTimeoutMs: integer(10_000, {
      unit: 'milliseconds',
      min: 100,
      max: HOUR_MS,
      meaning: 'How long a client may take to send `start`. Beyond: closed with 4408.',
    }),
    idleTimeoutMs: integer(300_000, {
      unit: 'milliseconds',
      min: 1_000,
      max: 24 * HOUR_MS,
      meaning: 'How long a client may send no message (`ping` counts). Beyond: closed with 4408.',
    }),
    resumeGraceMs: integer(30_000, {
      unit: 'milliseconds',
      min: 0,
      max: HOUR_MS,
      meaning:
        'How long a session waits for its client after its connection was lost; recognition goes on. 0: it ends at once.',
    }),
    detachedSessionsMax: integer(1_000, {
      unit: 'sessions',
      min: 1,
      max: 1_000_000,
      meaning: 'Sessions that may wait like this. Beyond: the one that waits longest ends.',
    }),
    resumeBytesMax: integer(262_144, {
      unit: 'bytes',
      min: 4_096,
      max: GIB,
      meaning: 'Events of one session kept for its client to come back. Beyond, without a connection: it ends.',
    }),
    pingIntervalMs: integer(15_000, {
      unit: 'milliseconds',
      min: 1_000,
      max: 60_000,
      meaning: 'Time between two WebSocket pings.',
    }),
    missedPingsMax: integer(3, {
      unit: 'pings',
      min: 1,
      max: 100,
      meaning:
        'Unanswered pings after which a silent peer is dropped; one that still sends is closed with 4413 after twice as many.',
    }),
    closeTimeoutMs: integer(5_000, {
      unit: 'milliseconds',
      min: 100,
      max: HOUR_MS,
      meaning: 'How long a peer may take to answer a close. Beyond: the connection is dropped.',
    }),
  },
  Files: {
    uploadBytesMax: integer(999_000_000, {
      unit: 'bytes',
      min: 1_024,
      max: 1_000 * GIB,
      meaning:
        'One uploaded recording. Beyond: HTTP 413, before it is read where its length is told. uWebSockets.js takes 1 GB and more only in chunks.',
    }),
    filesMax: integer(8, {
      unit: 'recordings',
      min: 1,
      max: 10_000,
      meaning: 'Recordings that are transcribed at a time. Others wait. Live streams go first in any case.',
    }),
    filesWaitingMax: integer(256, {
      unit: 'recordings',
      min: 0,
      max: 100_000,
      meaning: 'Recordings that may wait for their turn. Beyond: HTTP 503.',
    }),
  },
  Polish: {
    polish: choice(['auto', 'rules', 'off'], 'auto', {
      meaning:
        'What turns finals into readable text, where a client asks for it. auto: the models named below, else the small one that comes with Sotto, else rules. off refuses it.',
    }),
    polishModel: optionalText({
      unit: 'name | file',
      meaning:
        'Model for it: a GGUF file, a folder with one, a name of those (`sotto models pull owner/name:Q4_K_M`), or, with polishUrl, the name at that endpoint.',
      otherVariables: ['POLISH_MODEL'],
    }),
    polishUrl: optionalText({
      unit: 'URL',
      meaning:
        'OpenAI-compatible endpoint that has the model (vLLM, SGLang, llama-server, Ollama): http://127.0.0.1:11434/v1.',
      otherVariables: ['POLISH_URL'],
    }),
    polishKey: secret({
      unit: 'key',
      meaning: 'Key for the endpoint; better set as a variable.',
      otherVariables: ['POLISH_KEY'],
    }),
    polishBestModel: optionalText({
      unit: 'name | file',
      meaning: 'A second, better model, for `quality: best` and for long texts. Empty: there is one only.',
      otherVariables: ['POLISH_BEST_MODEL'],
    }),
    polishBestUrl: optionalText({
      unit: 'URL',
      meaning: 'Its endpoint. Empty: that of polishUrl, or none.',
      otherVariables: ['POLISH_BEST_URL'],
    }),
    polishGpuLayers: integer(0, {
      unit: 'layers',
      min: 0,
      max: 999,
      meaning: 'Layers of a GGUF model that a GPU takes; 999: all. Needs a binary for the GPU (docs/polish.md).',
    }),
    polishThreads: integer(0, {
      unit: 'threads',
      min: 0,
      max: 256,
      meaning: 'Threads of a GGUF model on the CPU. 0: half of the cores.',
    }),
    polishConcurrency: integer(0, {
      unit: 'texts',
      min: 0,
      max: 256,
      meaning: 'Texts that one model polishes at the same time. 0: 4 for a GGUF model, 16 for an endpoint.',
    }),
    polishBudgetMs: integer(POLISH_BUDGETS.segmentMs, {
      unit: 'milliseconds',
      min: 100,
      max: HOUR_MS,
      meaning:
        'How long the polish of one final may take. Beyond: the text is that of the rules. The final itself never waits.',
    }),
    polishStopBudgetMs: integer(POLISH_BUDGETS.stopMs, {
      unit: 'milliseconds',
      min: 100,
      max: HOUR_MS,
      meaning:
        'How long `stopped` may wait for all that is still to be polished, the text of the whole session included.',
    }),
    polishWaitingMax: integer(256, {
      unit: 'texts',
      min: 1,
      max: 100_000,
      meaning: 'Texts that may wait for one model. Beyond: the text is that of the rules.',
    }),
  },
  Watching: {
    shareEnabled: toggle(SHARING_DEFAULTS.isEnabled, {
      meaning:
        'Whether a speaker may share a session, so that others watch its captions with the token that only the speaker gets.',
    }),
    viewersMax: integer(SHARING_DEFAULTS.viewersMax, {
      unit: 'viewers',
      min: 1,
      max: 1_000_000,
      meaning: 'Viewers of one session at a time; each is also one of maxConnections. Beyond: closed with 1013.',
    }),
  },
  Storage: {
    store: choice(['auto', 'lmdb', 'redis', 'none'], 'auto', {
      meaning:
        'Where transcripts, jobs and results are kept: in LMDB in the data folder of this server, in Redis for several nodes, or nowhere. auto: Redis where redisUrl is set, else LMDB.',
    }),
    dataDir: optionalText({
      unit: 'folder',
      meaning:
        'Data folder of the server, which one process uses at a time. Empty: sotto/data in the user data folder.',
    }),
    redisUrl: optionalText({
      unit: 'URL',
      meaning: 'Redis that the nodes share, such as redis://:password@host:6379/0 (rediss for TLS).',
      otherVariables: ['REDIS_URL'],
    }),
    retentionMs: integer(24 * HOUR_MS, {
      unit: 'milliseconds',
      min: 60_000,
      max: 10 * 365 * 24 * HOUR_MS,
      meaning: 'How long transcripts, jobs and results of files are kept. Audio is never kept beyond its job.',
    }),
    cacheBytesMax: integer(268_435_456, {
      unit: 'bytes',
      min: 0,
      max: 1_000 * GIB,
      meaning:
        'Results of recordings, kept so that the same recording need not be heard again. Beyond: the oldest go. 0: none are kept.',
    }),
    listing: choice(['auto', 'on', 'off'], 'auto', {
      meaning:
        'Whether clients may list and search transcripts and jobs. auto: those on this machine, where host is a loopback address. One by its id is always shown: the id is the secret.',
    }),
  },
  Jobs: {
    jobsMax: integer(1, {
      unit: 'jobs',
      min: 1,
      max: 64,
      meaning:
        'Jobs that this server does at a time. Live streams and files of direct requests share the engines with them.',
    }),
    jobsWaitingMax: integer(100, {
      unit: 'jobs',
      min: 1,
      max: 10_000,
      meaning: 'Jobs that may wait. Beyond: HTTP 503.',
    }),
    uploadsBytesMax: integer(10 * GIB, {
      unit: 'bytes',
      min: 1_048_576,
      max: 10_000 * GIB,
      meaning: 'Recordings of all jobs that are not over, together. Beyond: HTTP 503.',
    }),
    jobFolder: optionalText({
      unit: 'folder',
      meaning:
        'Folder whose files jobs may name instead of uploading them; links that lead out of it are not followed. Empty: none.',
    }),
  },
} as const;

type Groups = typeof SETTING_GROUPS;
type Table = Groups['Server'] &
  Groups['Recognition'] &
  Groups['Speech'] &
  Groups['Connections'] &
  Groups['Files'] &
  Groups['Polish'] &
  Groups['Watching'] &
  Groups['Storage'] &
  Groups['Jobs'];

/** The resolved settings: every key has a valid value. */
export type Settings = { readonly [K in keyof Table]: Table[K] extends Setting<infer T> ? T : never };

/** All settings, in the order of the help. */
export const SETTINGS: ReadonlyMap<string, Setting<unknown>> = new Map(
  Object.values(SETTING_GROUPS).flatMap((group) => Object.entries<Setting<unknown>>(group)),
);
