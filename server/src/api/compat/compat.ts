// The interfaces of other services that this server has: wire formats on sockets, and addresses over HTTP.
import type { Logger } from 'pino';
import { decodeAudio } from '../../audio/decode-audio.js';
import { spool } from '../../audio/stored-bytes.js';
import type { FileTranscription } from '../../recordings/file-transcription.js';
import type { Dialect } from '../../gateway/dialect.js';
import type { AddressGuard } from '../../http/outbound/address-guard.js';
import type { Route } from '../../http/router.js';
import type { SessionSettings } from '../../session/session-settings.js';
import type { TermsOf } from '../access/client-terms.js';
import type { TemporaryKeys } from './temporary-keys.js';
import { authRoutes } from './deepgram/auth-routes.js';
import { createListenDialect, type ListenDialectOptions } from './deepgram/dialect.js';
import { createFluxDialect } from './deepgram/flux/dialect.js';
import { listenRoute } from './deepgram/listen-route.js';
import { clientSecretRoutes } from './openai-realtime/client-secret-routes.js';
import { createRealtimeDialect } from './openai-realtime/dialect.js';
import type { SessionConfig } from './openai-realtime/session-config.js';

export interface CompatOptions {
  readonly keys: TemporaryKeys<SessionConfig>;
  readonly session: SessionSettings;
  /** What recognises. */
  readonly model: { readonly name: string; readonly languages: readonly string[] };
  readonly transcription: Pick<FileTranscription, 'transcribe'>;
  /** Where URLs of clients may lead. */
  readonly guard: AddressGuard;
  /** Bytes of one recording. */
  readonly fileBytesMax: number;
  readonly termsOf?: TermsOf | undefined;
  readonly log: Logger;
}

export interface Compat {
  readonly dialects: readonly Dialect[];
  readonly routes: readonly Route[];
}

export function createCompat(options: CompatOptions): Compat {
  const { keys, session, model, transcription, guard, fileBytesMax, termsOf, log } = options;
  const defaults = {
    endpointing: session.endpointing,
    get languages() {
      return model.languages;
    },
  };
  const live: ListenDialectOptions = {
    authorizer: keys,
    model,
    // A live stream is decoded bit by bit: it needs no process of its own.
    decode: (bytes) => decodeAudio(bytes, { isolation: 'shared' }),
  };
  return {
    dialects: [createRealtimeDialect({ keys, defaults }), createListenDialect(live), createFluxDialect(live)],
    routes: [
      ...clientSecretRoutes({ keys, defaults }),
      ...authRoutes(keys),
      listenRoute({
        authorizer: keys,
        model,
        guard,
        fileBytesMax,
        decode: (bytes, options) => decodeAudio(bytes, options),
        transcribe: (audio, asked, run) => transcription.transcribe(audio, asked, run),
        spool,
        termsOf,
        log,
      }),
    ],
  };
}
