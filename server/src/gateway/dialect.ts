// What a wire format of others is to the gateway: which upgrades it takes, and a conversation for each socket.
import type { Principal } from '../access/principal.js';
import type { SessionFactory } from '../session/session-port.js';
import type { WholeResponse } from '../http/exchange.js';
import type { UpgradeRequest } from '../transport/transport.js';

/** A wire format other than Sotto's own, at paths of its own. */
export interface Dialect {
  /** Label in logs and metrics. */
  readonly name: string;
  readonly paths: readonly string[];
  /** Decides about an upgrade, at once. */
  admit(request: UpgradeRequest): DialectAdmission;
  /** The refusal of an upgrade while the server is full or shutting down, as this dialect tells it. */
  unavailable(reason: 'full' | 'draining'): WholeResponse;
  /** What is said, and the close, where a client has as many streams as it may. */
  overQuota(message: string): { readonly event: DialectEvent; readonly close: DialectClose };
}

export type DialectAdmission =
  | {
      readonly accepted: true;
      /** Who opens its sessions. */
      readonly principal: Principal;
      /** Empty: none. */
      readonly subprotocol: string;
      /** Further headers of the answer. */
      readonly headers?: Readonly<Record<string, string>>;
      /** The client is there. Called once, with sessions that are measured. */
      readonly converse: (peer: DialectPeer, createSession: SessionFactory) => Conversation;
    }
  | { readonly accepted: false; readonly response: WholeResponse };

/** The other end of a conversation. */
export interface DialectPeer {
  /** Address of the client, as text. */
  readonly remoteAddress: string;
  /** `subject`: takes the place of an event of the same subject that a slow client has not read yet. */
  send(event: DialectEvent, subject?: string): void;
  /** Something of the server failed: it is logged, and told as the fault `internal`. */
  crash(error: unknown): void;
  /** Sends what waits, then closes. May be called twice. */
  end(close: DialectClose): void;
}

/** One JSON text frame. */
export interface DialectEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface DialectClose {
  readonly code: number;
  readonly reason: string;
}

/** A bound that a client passed, or a failure of the server. */
export type DialectFault = 'too_many_messages' | 'message_too_large' | 'audio_too_fast' | 'idle' | 'internal';

/** What one client and its session or sessions say to each other, in a dialect. */
export interface Conversation {
  /** Takes one whole frame: text, or the bytes of a binary one. What is wrong with it is answered. */
  receive(frame: string | Uint8Array): void;
  /** Audio received and not yet judged, milliseconds: the connection slows the client by it. */
  readonly backlogMs: number;
  /** Calls once when the backlog has fallen below half of the bound. */
  onceDrained(callback: () => void): void;
  /** Called about once a second, with milliseconds that only grow. */
  check(now: number): void;
  /** Tells the client what went wrong; the connection then closes as this says. */
  fail(fault: DialectFault, message: string): DialectClose;
  /** The server shuts down: finish, then end. */
  drain(): Promise<void>;
  /** The client is gone: stop all work, send nothing more. May be called twice. */
  abandon(): void;
}
