// A session around a session, for those that look on or add something: everything goes through as it comes.
import type { ClientMessage, CloseReason, ServerMessage } from '@sotto/protocol';
import type { SessionCheckpoint } from './session-checkpoint.js';
import type { SessionFactory, SessionPort, SessionSink } from './session-port.js';

/** A session says nothing while it is being made: subclasses have their fields when the first message comes. */
export abstract class SessionDecorator implements SessionPort {
  protected readonly session: SessionPort;
  protected readonly sink: SessionSink;

  constructor(create: SessionFactory, sink: SessionSink) {
    this.sink = sink;
    this.session = create({ send: (message) => this.send(message), end: (reason) => this.end(reason) });
  }

  get id(): string {
    return this.session.id;
  }

  get receivedSamples(): number {
    return this.session.receivedSamples;
  }

  get backlogMs(): number {
    return this.session.backlogMs;
  }

  receive(message: ClientMessage): void {
    this.session.receive(message);
  }

  onceDrained(callback: () => void): void {
    this.session.onceDrained(callback);
  }

  drain(): Promise<void> {
    return this.session.drain();
  }

  attend(isThere: boolean): void {
    this.session.attend?.(isThere);
  }

  checkpoint(): SessionCheckpoint | undefined {
    return this.session.checkpoint?.();
  }

  mayRestore(checkpoint: SessionCheckpoint): boolean {
    return this.session.mayRestore?.(checkpoint) ?? false;
  }

  async restore(checkpoint: SessionCheckpoint): Promise<boolean> {
    return (await this.session.restore?.(checkpoint)) ?? false;
  }

  abandon(goesOn?: boolean): void {
    this.session.abandon(goesOn);
  }

  /** What the session says to its client. */
  protected send(message: ServerMessage): void {
    this.sink.send(message);
  }

  /** The session is over. */
  protected end(reason: CloseReason): void {
    this.sink.end(reason);
  }
}
