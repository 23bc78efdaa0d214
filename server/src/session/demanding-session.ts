// A session whose client may add to what its key demands, and take nothing away.
import type { ClientMessage } from '@sotto/protocol';
import { demandedRewriting, withDemandedHotwords, type Demands } from '../text/rewriting/demands.js';
import { RewritingSession } from './rewriting-session.js';
import type { SessionFactory, SessionSink } from './session-port.js';

/** Stands within the {@link RewritingSession} of the client's own settings: those see nothing that is hidden here. */
class DemandingSession extends RewritingSession {
  readonly #demands: Demands;

  constructor(create: SessionFactory, sink: SessionSink, demands: Demands) {
    super(create, sink, demandedRewriting(demands), 'fixed');
    this.#demands = demands;
  }

  override receive(message: ClientMessage): void {
    const demanded = this.#demands.hotwords ?? [];
    const takes = message.type === 'start' || (message.type === 'configure' && message.hotwords !== undefined);
    if (!takes || demanded.length === 0) return super.receive(message);
    super.receive({ ...message, hotwords: withDemandedHotwords(message.hotwords ?? [], this.#demands) });
  }
}

/** The sessions of a key. @param demands undefined: it demands nothing */
export function demandingSessions(create: SessionFactory, demands: Demands | undefined): SessionFactory {
  return demands === undefined ? create : (sink) => new DemandingSession(create, sink, demands);
}
