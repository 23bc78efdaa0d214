// What a server says of a segment, for tests that fold it into text.
import type { FinalMessage, PartialMessage, PolishedMessage } from '@sotto/protocol';

export const partial = (segmentId: number, stable: string, tentative: string): PartialMessage => ({
  type: 'partial',
  segmentId,
  revision: 1,
  stable,
  tentative,
  startMs: 0,
  endMs: 1,
  lagMs: 0,
});

export const final = (segmentId: number, text: string): FinalMessage => ({
  type: 'final',
  segmentId,
  reason: 'endpoint',
  text,
  startMs: 0,
  endMs: 1,
  language: 'en',
  avgLogprob: 0,
  noSpeechProb: 0,
});

export const polished = (segmentId: number, text: string): PolishedMessage => ({
  type: 'polished',
  scope: 'segment',
  segmentId,
  text,
  mode: 'standard',
  model: 'scripted',
  latencyMs: 1,
});
