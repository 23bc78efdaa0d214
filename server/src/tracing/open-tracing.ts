// Traces of utterances for an OpenTelemetry collector. The library is loaded here only, where traces are wanted.
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { SessionTrace, type DecodeFacts, type SpanMaker } from './session-trace.js';

export interface TracingOptions {
  /** Where spans are sent, as OTLP over HTTP: `http://127.0.0.1:4318/v1/traces`. */
  readonly url: string;
  /** Share of utterances that is traced, 0-1. */
  readonly share: number;
  readonly version: string;
  readonly log: { warn(facts: object, message: string): void };
}

/** Spans that wait for the collector. Beyond, further ones are dropped. */
const QUEUE_MAX = 4_096;
const BATCH_MAX = 512;
const SEND_EVERY_MS = 2_000;
/** How long the collector may take over a batch, milliseconds. */
const SEND_TIMEOUT_MS = 5_000;
/** How long the last spans may take at the end. */
const CLOSE_TIMEOUT_MS = 1_000;
/** How often it is said that the collector does not take them. */
const WARN_EVERY_MS = 60_000;

/** Loads the library. Nothing that happens to the collector is felt by anybody who speaks. */
export async function openTracing(options: TracingOptions): Promise<Tracing> {
  const [{ ROOT_CONTEXT, trace }, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const { url, share, version, log } = options;
  const exporter = telling(new OTLPTraceExporter({ url, timeoutMillis: SEND_TIMEOUT_MS }), (error) =>
    log.warn({ url, err: error }, 'the collector does not take traces'),
  );
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'sotto', 'service.version': version }),
    sampler: new sdk.TraceIdRatioBasedSampler(share),
    spanProcessors: [
      new sdk.BatchSpanProcessor(exporter, {
        maxQueueSize: QUEUE_MAX,
        maxExportBatchSize: BATCH_MAX,
        scheduledDelayMillis: SEND_EVERY_MS,
        exportTimeoutMillis: SEND_TIMEOUT_MS,
      }),
    ],
  });
  return new Tracing(
    { tracer: provider.getTracer('sotto', version), within: (span) => trace.setSpan(ROOT_CONTEXT, span) },
    async () => {
      const over = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref());
      await Promise.race([provider.shutdown().catch(() => undefined), over]);
    },
  );
}

/** The sessions that are traced. */
export class Tracing {
  readonly #spans: SpanMaker;
  readonly #shutDown: () => Promise<void>;
  readonly #sessions = new Map<string, SessionTrace>();

  constructor(spans: SpanMaker, shutDown: () => Promise<void>) {
    this.#spans = spans;
    this.#shutDown = shutDown;
  }

  /** A session begins here. */
  open(sessionId: string): SessionTrace {
    const session = new SessionTrace(sessionId, this.#spans);
    this.#sessions.set(sessionId, session);
    return session;
  }

  /** It is over. */
  leave(sessionId: string, now: number): void {
    this.#sessions.get(sessionId)?.close(now);
    this.#sessions.delete(sessionId);
  }

  /** A run that an utterance of a session took part in is over. */
  decoded(sessionId: string, segmentId: number, decode: DecodeFacts): void {
    this.#sessions.get(sessionId)?.decoded(segmentId, decode);
  }

  /** Sends what there is, for a second at most. */
  async close(): Promise<void> {
    await this.#shutDown();
  }
}

/** Tells of failures now and then, rather than of each. */
function telling(exporter: SpanExporter, warn: (error: unknown) => void): SpanExporter {
  let warnedAt = -Infinity;
  return {
    export(spans: ReadableSpan[], done) {
      exporter.export(spans, (result) => {
        const now = performance.now();
        if (result.code !== 0 && now - warnedAt > WARN_EVERY_MS) {
          warnedAt = now;
          warn(result.error);
        }
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
