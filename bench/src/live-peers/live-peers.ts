// The streaming servers that `bench live-peers` measures: how each is started, and how it is talked to.
import { join } from 'node:path';
import { fixturesFolder } from '../audio/recordings.js';
import { BenchError } from '../bench-error.js';
import { repositoryRoot } from '../measure/machine.js';
import type { OpenWire } from './live-wire.js';
import { openSotto } from './sotto-wire.js';
import { openWhisperLiveKit } from './whisper-live-kit-wire.js';
import { openWhisperLive } from './whisper-live-wire.js';
import { openWhisperStreaming } from './whisper-streaming-wire.js';

/** Where the weights are, and what the peers run on. */
export interface PeerFolders {
  /** Weights in Hugging Face layout. */
  readonly model: string;
  /** The same for CTranslate2, as bench/peers/prepare.py wrote them. */
  readonly ctranslate2: string;
  /** A folder of installed models that holds them as `peer`, for Sotto. */
  readonly models: string;
  /** Python with bench/peers/requirements-live.txt. */
  readonly python: string;
  /** A checkout of github.com/ufal/whisper_streaming, which is in no registry. */
  readonly whisperStreaming?: string | undefined;
  readonly language: string;
  readonly threads: number;
}

export interface LivePeer {
  readonly name: string;
  readonly how: string;
  /** Streams that one of its processes takes at a time. */
  readonly takes: 'many' | 'one';
  /** Answers 200 when it is ready; else it is ready as soon as it listens. */
  readonly readyPath?: string;
  readonly command: (port: number, folders: PeerFolders) => PeerCommand;
  readonly open: OpenWire;
}

export interface PeerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Without it whisper_streaming loads libraries while the first audio waits. */
const WARM_UP = join(fixturesFolder, 'audio/en-bakery.flac');

export const LIVE_PEERS: readonly LivePeer[] = [
  {
    name: 'sotto',
    how: 'as it comes; settled is what finals say',
    takes: 'many',
    readyPath: '/ready',
    command: (port, { models, threads }) => ({
      program: process.execPath,
      args: [
        join(repositoryRoot, 'server/bin/sotto.mjs'),
        'serve',
        ...flags({ host: '127.0.0.1', port, models, model: 'peer', threads }),
      ],
      env: { SOTTO_STORE: 'none' },
    }),
    open: openSotto,
  },
  {
    name: 'WhisperLive',
    how: 'faster_whisper backend (int8 on a CPU), one model for all clients, its VAD, beam size 5; settled is a completed segment',
    takes: 'many',
    command: (port, folders) =>
      python(folders, 'whisper_live_server.py', [`${port}`, folders.ctranslate2, `${folders.threads}`]),
    open: openWhisperLive,
  },
  {
    name: 'WhisperLiveKit AlignAtt',
    how: 'its default policy: encoder by CTranslate2 in int8, decoder in PyTorch; settled are its lines',
    takes: 'many',
    command: (port, folders) =>
      whisperLiveKit(port, folders, {
        'backend-policy': 'simulstreaming',
        backend: 'faster-whisper',
        'encoder-model-path': folders.ctranslate2,
        'decoder-model-path': folders.model,
      }),
    open: openWhisperLiveKit,
  },
  {
    name: 'WhisperLiveKit LocalAgreement',
    how: 'its other policy: faster-whisper in int8, beam size 5; settled are its lines',
    takes: 'many',
    command: (port, folders) =>
      whisperLiveKit(port, folders, {
        'backend-policy': 'localagreement',
        backend: 'faster-whisper',
        model_dir: folders.ctranslate2,
      }),
    open: openWhisperLiveKit,
  },
  {
    name: 'whisper_streaming',
    how: 'faster-whisper in int8, beam size 5, its VAC, as its README recommends; a process a stream, since one takes no more; settled are committed words, it shows no others',
    takes: 'one',
    command: (port, folders) => {
      if (folders.whisperStreaming === undefined) {
        throw new BenchError('usage', 'whisper_streaming is in no registry: name a checkout by --whisper-streaming.');
      }
      const { whisperStreaming, ctranslate2, language, threads } = folders;
      return python(folders, 'whisper_streaming_server.py', [
        whisperStreaming,
        `${threads}`,
        '--vac',
        ...flags({ host: '127.0.0.1', port, backend: 'faster-whisper', model_dir: ctranslate2, lan: language }),
        ...flags({ 'min-chunk-size': 1, 'warmup-file': WARM_UP, 'log-level': 'ERROR' }),
      ]);
    },
    open: openWhisperStreaming,
  },
];

/** @throws BenchError `usage` that names all peers where one is not known */
export function chooseLivePeers(names: readonly string[] | undefined): LivePeer[] {
  const unknown = names?.find((name) => LIVE_PEERS.every((peer) => peer.name !== name));
  if (unknown !== undefined) {
    throw new BenchError('usage', `No peer "${unknown}": there are ${LIVE_PEERS.map(({ name }) => name).join(', ')}.`);
  }
  return LIVE_PEERS.filter(({ name }) => names === undefined || names.includes(name));
}

function whisperLiveKit(port: number, folders: PeerFolders, more: Readonly<Record<string, string>>): PeerCommand {
  return python(folders, 'whisper_live_kit_server.py', [
    '--pcm-input',
    ...flags({ host: '127.0.0.1', port, lan: folders.language, 'warmup-file': WARM_UP, 'log-level': 'ERROR', ...more }),
  ]);
}

const flags = (values: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => [`--${name}`, `${value}`]);

function python({ python: program, threads }: PeerFolders, name: string, args: readonly string[]): PeerCommand {
  return {
    program,
    args: [join(repositoryRoot, 'bench/peers', name), ...args],
    env: { OMP_NUM_THREADS: `${threads}`, HF_HUB_OFFLINE: '1' },
  };
}
