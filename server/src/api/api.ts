// Every address of a server that has its model: Sotto's own over HTTP, and those of other services, on sockets too.
import type { Logger } from 'pino';
import type { Dialect } from '../gateway/dialect.js';
import type { AddressGuard } from '../http/outbound/address-guard.js';
import type { Route } from '../http/router.js';
import type { OpenedJobs } from '../jobs/open-jobs.js';
import type { Polishing } from '../polish/polishing.js';
import type { CachedTranscription } from '../recordings/cached-transcription.js';
import type { SessionSettings } from '../session/session-settings.js';
import type { Transcripts } from '../transcripts/transcripts.js';
import { accessRoutes, type AccessRoutesOptions } from './access/access-routes.js';
import { demanding } from './access/callers.js';
import { createTerms, NO_QUOTAS, type Quotas } from './access/client-terms.js';
import { asrWebserviceRoutes } from './asr-webservice/asr-routes.js';
import { TemporaryKeys } from './compat/temporary-keys.js';
import { createCompat } from './compat/compat.js';
import type { SessionConfig } from './compat/openai-realtime/session-config.js';
import { openAiRestRoutes } from './compat/openai-rest/transcription-routes.js';
import { checkJobOptions } from './jobs/check-job-options.js';
import { jobRoutes } from './jobs/job-routes.js';
import { docsRoutes } from './openapi/docs-routes.js';
import { panelRoutes, type PanelOptions } from './panel/panel-routes.js';
import { answerPeer, type PeerQuestion, type Peers } from './peers.js';
import { polishRoutes } from './polish/polish-routes.js';
import { restRoutes } from './recordings/recording-routes.js';
import { ListingGuard, type Listing } from './transcripts/listing-guard.js';
import { routesWithoutStore } from './store-routes.js';
import { transcriptRoutes } from './transcripts/transcript-routes.js';

export interface ApiOptions {
  readonly access: AccessRoutesOptions;
  readonly version: string;
  /** What recognises. */
  readonly model: { readonly name: string; readonly languages: readonly string[]; readonly isMultilingual: boolean };
  readonly session: SessionSettings;
  /** For every request that transcribes a recording. */
  readonly transcription: CachedTranscription;
  readonly polishing: Polishing | undefined;
  readonly kept: Kept | 'off' | 'failed';
  readonly panel: Omit<PanelOptions, 'peers'>;
  /** The other processes on this port. Absent: there are none. */
  readonly peers?: Peers | undefined;
  /** What clients may spend. Default: no bound. */
  readonly quotas?: Quotas | undefined;
  /** Where URLs of clients may lead. */
  readonly guard: AddressGuard;
  readonly log: Logger;
  readonly settings: {
    readonly host: string;
    readonly listing: Listing;
    readonly uploadBytesMax: number;
    readonly polishStopBudgetMs: number;
  };
}

/**
 * What is kept, and may be asked for. `off`: nothing is, by the operator's wish. `failed`: the store cannot be used.
 */
export interface Kept extends OpenedJobs {
  readonly transcripts: Transcripts;
}

export interface Api {
  readonly routes: readonly Route[];
  readonly dialects: readonly Dialect[];
  /** The answer to what another process on this port asks. */
  readonly answerPeer: (question: PeerQuestion) => unknown;
}

const KEPT_PATHS = [
  '/v1/transcripts',
  '/v1/transcripts/:id',
  '/v1/jobs',
  '/v1/jobs/:id',
  '/v1/jobs/:id/events',
] as const;

export function createApi(options: ApiOptions): Api {
  const { version, model, session, transcription, polishing, guard, log, peers } = options;
  const panel = { ...options.panel, peers };
  const { uploadBytesMax, polishStopBudgetMs } = options.settings;
  const { access } = options.access;
  const keys = new TemporaryKeys<SessionConfig>(access, Date.now, peers);
  const termsOf = createTerms(keys, options.quotas ?? NO_QUOTAS);
  const compat = createCompat({
    keys,
    session,
    model,
    transcription,
    guard,
    fileBytesMax: uploadBytesMax,
    termsOf,
    log,
  });
  const routes = [
    ...keptRoutes(options),
    ...compat.routes,
    ...demanding(access, 'files', polishRoutes(polishing, access)),
    ...openAiRestRoutes({ files: transcription, authorizer: keys, model, uploadBytesMax, termsOf }),
    ...demanding(access, 'files', asrWebserviceRoutes({ files: transcription, model, uploadBytesMax, termsOf })),
    ...demanding(
      access,
      'files',
      restRoutes({
        files: transcription,
        model,
        uploadBytesMax,
        polishing,
        polishBudgetMs: polishStopBudgetMs,
        access,
        termsOf,
      }),
    ),
    ...accessRoutes(options.access),
    ...panelRoutes(panel),
  ];
  return {
    routes: [...routes, ...docsRoutes(routes, version)],
    dialects: compat.dialects,
    answerPeer: (question) => answerPeer(question, { panel, keys }),
  };
}

function keptRoutes({ access: { access }, kept, model, polishing, quotas, settings }: ApiOptions): Route[] {
  if (kept === 'off' || kept === 'failed') return routesWithoutStore(KEPT_PATHS, kept === 'off');
  const { transcripts, jobs, webhooks } = kept;
  const listing = new ListingGuard(settings.listing, settings.host);
  return [
    ...transcriptRoutes(transcripts, listing, (id) => jobs.forgetResult(id), access),
    ...jobRoutes({
      jobs,
      listing,
      access,
      addressOf: quotas?.addressOf,
      uploadBytesMax: settings.uploadBytesMax,
      check: (asked) => {
        checkJobOptions(asked, model, polishing);
        if (asked.webhook !== undefined) webhooks.check(asked.webhook.url);
      },
      wallNow: Date.now,
    }),
  ];
}
