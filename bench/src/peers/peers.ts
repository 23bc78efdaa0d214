// The recognisers that are measured beside Sotto: what starts each, and on which form of the weights.
import { fileURLToPath } from 'node:url';
import { extname, join } from 'node:path';
import { BenchError } from '../bench-error.js';
import { repositoryRoot } from '../measure/machine.js';

/** One form of the same weights. */
export interface PeerWeights {
  /** Folder in Hugging Face layout. */
  readonly folder: string;
  /** CTranslate2 folder. */
  readonly ctranslate2: string;
  /** ggml file. */
  readonly ggml: string;
}

export interface Peer {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly weights: keyof PeerWeights;
  /** How it decodes, for people. */
  readonly how: string;
}

const SOTTO_PEER = fileURLToPath(new URL(`sotto-peer${extname(import.meta.url)}`, import.meta.url));

/** All peers, Sotto first. @param python of an environment with bench/peers/requirements.txt */
export function allPeers(python: string): Peer[] {
  const fasterWhisper = (name: string, type: string, ...options: string[]): Peer => ({
    name: `faster-whisper ${name}`,
    program: python,
    args: [script('faster_whisper_peer.py'), type, ...options],
    weights: 'ctranslate2',
    how: `compute type ${type}, beam size 1, else as it comes`,
  });
  return [
    {
      name: 'sotto',
      program: process.execPath,
      args: ['--import', 'tsx', SOTTO_PEER],
      weights: 'folder',
      how: 'as sotto transcribe --offline decodes',
    },
    {
      name: 'sotto float32',
      program: process.execPath,
      args: ['--import', 'tsx', SOTTO_PEER, 'fp32'],
      weights: 'folder',
      how: 'as sotto transcribe --offline decodes, in float32',
    },
    {
      name: 'sotto live',
      program: process.execPath,
      args: ['--import', 'tsx', SOTTO_PEER, 'live'],
      weights: 'folder',
      how: 'the finals of a live stream, with no clock in it',
    },
    fasterWhisper('int8', 'int8'),
    fasterWhisper('int8 vad', 'int8', 'vad'),
    fasterWhisper('int8 batched', 'int8', 'batched'),
    fasterWhisper('float32', 'float32'),
    fasterWhisper('float32 vad', 'float32', 'vad'),
    {
      name: 'whisper.cpp',
      program: python,
      args: [script('whisper_cpp_peer.py')],
      weights: 'ggml',
      how: 'greedy, matrices in float16, else as it comes',
    },
    {
      name: 'transformers',
      program: python,
      args: [script('transformers_peer.py')],
      weights: 'folder',
      how: 'PyTorch, float32, greedy, with timestamps',
    },
  ];
}

/** @throws BenchError `usage` that names all peers where one is not known */
export function choosePeers(python: string, names: readonly string[] | undefined): Peer[] {
  const all = allPeers(python);
  const unknown = names?.find((name) => all.every((peer) => peer.name !== name));
  if (unknown !== undefined) {
    throw new BenchError('usage', `No peer "${unknown}": there are ${all.map(({ name }) => name).join(', ')}.`);
  }
  return all.filter(({ name }) => names === undefined || names.includes(name));
}

/** @param prepared folder that bench/peers/prepare.py wrote */
export function weightsOf(folder: string, prepared: string): PeerWeights {
  return { folder, ctranslate2: join(prepared, 'ct2'), ggml: join(prepared, 'ggml.bin') };
}

function script(name: string): string {
  return join(repositoryRoot, 'bench/peers', name);
}
