// Opens the Wyoming port of a server: its streams are admitted and counted as those of the sockets are.
import { CodedError } from '@sotto/protocol';
import type { Access } from '../../access/access.js';
import { ANYBODY, type Client } from '../../access/principal.js';
import type { Gateway } from '../../gateway/gateway.js';
import { ListenError } from '../../transport/transport.js';
import { WyomingServer, type WyomingOptions } from './wyoming-server.js';

export interface OpenWyomingOptions extends Omit<WyomingOptions, 'open'> {
  readonly port: number;
  readonly host: string;
  readonly gateway: Pick<Gateway, 'createSession'>;
  readonly access: Pick<Access, 'isDemanded'>;
  /** Clients without a key are served also where there are keys: the protocol has no place for one. */
  readonly allowAnonymous: boolean;
  /** Takes a place among the streams at a time, and returns what gives it back. @throws QuotaError */
  readonly takeStream: (client: Client) => () => void;
}

/** This client may open no stream now. */
export class WyomingRefusal extends CodedError<'unauthorized' | 'shutting_down'> {
  override readonly name = 'WyomingRefusal';
}

/** Rejects with ListenError. */
export async function openWyoming(options: OpenWyomingOptions): Promise<WyomingServer> {
  const { gateway, access, allowAnonymous, takeStream } = options;
  const server = new WyomingServer({
    ...options,
    open: (sink, address) => {
      if (access.isDemanded && !allowAnonymous) {
        throw new WyomingRefusal(
          'unauthorized',
          'This server wants a key, and Wyoming has none: start it with --allow-anonymous true.',
        );
      }
      const client = { principal: ANYBODY, address };
      const release = takeStream(client);
      const session = gateway.createSession(sink, client);
      if (session !== undefined) return { session, release };
      release();
      throw new WyomingRefusal('shutting_down', 'The server takes no sessions now: try again in a moment.');
    },
  });
  const { port, host } = options;
  try {
    await server.listen(port, host);
  } catch (cause) {
    throw new ListenError(cause instanceof Error && 'code' in cause ? `${cause.code}` : 'unknown', host, port, {
      cause,
    });
  }
  return server;
}
