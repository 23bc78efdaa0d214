// What server processes on one port ask each other, since a client may come to any of them.
import type { SessionConfig } from './compat/openai-realtime/session-config.js';
import type { KeyPeers, TemporaryKey, TemporaryKeys } from './compat/temporary-keys.js';
import { overviewOf, type OverviewOptions } from './panel/overview.js';
import type { PanelPeers } from './panel/panel-peers.js';
import { endSession } from './panel/panel-routes.js';

export type PeerQuestion =
  | { readonly ask: 'overview'; readonly since: number }
  | { readonly ask: 'endSession'; readonly id: string }
  | { readonly ask: 'adoptKey'; readonly key: TemporaryKey<unknown>; readonly issuer: string };

export type Peers = PanelPeers & KeyPeers;

export interface PeerParts {
  readonly panel: OverviewOptions;
  readonly keys: TemporaryKeys<SessionConfig>;
}

/** Samples of different processes are taken so much apart at most, milliseconds. */
const SAMPLES_APART_MS = 5_000;

/** @param ask has the others answer; resolves with the answers that come in time */
export function peersBy(ask: (question: PeerQuestion) => Promise<readonly unknown[]>): Peers {
  return {
    overviews: async (since) =>
      (await ask({ ask: 'overview', since: since - SAMPLES_APART_MS })) as Awaited<ReturnType<Peers['overviews']>>,
    endSession: async (id) => (await ask({ ask: 'endSession', id })).includes(true),
    adoptKey: async (key, issuer) => void (await ask({ ask: 'adoptKey', key, issuer })),
  };
}

/** What this process answers. */
export function answerPeer(question: PeerQuestion, { panel, keys }: PeerParts): unknown {
  switch (question.ask) {
    case 'overview':
      return overviewOf(panel, question.since);
    case 'endSession':
      return endSession(panel.live, question.id);
    case 'adoptKey':
      // Of a process of this version.
      return keys.adopt(question.key as TemporaryKey<SessionConfig>, question.issuer);
  }
}
