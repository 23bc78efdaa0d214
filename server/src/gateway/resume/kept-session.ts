// What is kept of a session so that it survives its node, and who keeps it.
import type { AudioFormat, CloseReason, ServerMessage } from '@sotto/protocol';
import type { SessionCheckpoint } from '../../session/session-checkpoint.js';

/** Of {@link KeptSession}: what another version wrote is not gone on with. */
export const KEPT_VERSION = 1;

export interface KeptSession {
  readonly version: number;
  /** Whose it is; undefined where no key was demanded. */
  readonly keyId: string | undefined;
  readonly audio: AudioFormat;
  /** Events before those that are kept. */
  readonly forgotten: number;
  /** Those that the client may not have got. */
  readonly events: readonly ServerMessage[];
  /** Messages of the client that count and lie before `offset` (rule RS5). */
  readonly messages: number;
  /** It goes on from this sample (client's rate). */
  readonly offset: number;
  /** Utterances that are told for good: the id of the next one. */
  readonly segments: number;
  /** Set once it is over: then only its last events are left to tell. */
  readonly ending?: CloseReason | undefined;
  readonly session?: SessionCheckpoint | undefined;
}

/** A session that can be kept. */
export interface KeepableSession {
  readonly token: string;
  /** As it is now; undefined: not now. */
  snapshot(): KeptSession | undefined;
  /** A snapshot would survive the node from now on. */
  kept(snapshot: KeptSession): void;
  /** Another node has it: it ends here, and nobody is told. */
  lost(): void;
}

/** Keeps sessions for other nodes, or for the next start. */
export interface SessionKeeper {
  /** Whether other nodes see what is kept. */
  readonly isShared: boolean;
  /** Something is new: it is written soon, together with what else is. */
  changed(session: KeepableSession): void;
  /** Whether it is still this one's, as far as the store can tell. */
  owns(session: KeepableSession): Promise<boolean>;
  /** It is over: nobody goes on with it. */
  forget(session: KeepableSession): void;
  /** Writes it now and lets go of it. Resolves with false where that cannot be done. */
  handOver(session: KeepableSession): Promise<boolean>;
  /**
   * Takes the session of a token over from whoever had it, if `accept` wants it. Resolves with undefined where there is
   * none, it cannot be read, or is not wanted.
   */
  recall(token: string, accept: (kept: KeptSession) => boolean): Promise<RecalledSession | undefined>;
}

export interface RecalledSession {
  readonly kept: KeptSession;
  /** From now on it is kept as this one. */
  adopt(session: KeepableSession): void;
}
