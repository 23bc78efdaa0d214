// A gateway with the addresses for files: real uploads, real decoding, and a recogniser that says one word a second.
import { pino } from 'pino';
import type { Test } from 'tap';
import type {
  FileTranscriber,
  TranscribedSegment,
  TranscribeOptions,
} from '../../server/src/asr/files/file-transcriber.js';
import { asrWebserviceRoutes } from '../../server/src/api/asr-webservice/asr-routes.js';
import { TemporaryKeys } from '../../server/src/api/compat/temporary-keys.js';
import { openAiRestRoutes } from '../../server/src/api/compat/openai-rest/transcription-routes.js';
import { FileTranscription, type FileLimits } from '../../server/src/recordings/file-transcription.js';
import { Gateway } from '../../server/src/gateway/gateway.js';
import type { Transport, TransportOptions } from '../../server/src/transport/transport.js';
import { createWsTransport } from '../../server/src/transport/ws-transport.js';
import { restRoutes } from '../../server/src/api/recordings/recording-routes.js';
import { MetricsRegistry } from '../../server/src/metrics/metrics-registry.js';
import { PolishService } from '../../server/src/polish/polish-service.js';
import { RulesPolisher } from '../../server/src/polish/rules/rules-polisher.js';
import { addFrontRoutes } from './front-routes.js';
import { ROOMY_LIMITS } from './test-gateway.js';

/** Says `w0.`, `w1.`, … for each second of audio, and remembers what it was asked. */
export class CountingTranscriber implements Pick<FileTranscriber, 'transcribe'> {
  readonly asked: TranscribeOptions[] = [];
  /** Recordings under way. */
  running = 0;
  /** Recordings that were given up. */
  givenUp = 0;
  /** Waits here before each segment. */
  gate: Promise<void> = Promise.resolve();
  /** Waits here before each segment but the first. */
  laterGate: Promise<void> = Promise.resolve();
  failure: Error | undefined;

  async *transcribe(
    blocks: AsyncIterable<Float32Array>,
    options: TranscribeOptions = {},
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<TranscribedSegment, void, undefined> {
    this.asked.push(options);
    this.running += 1;
    let isDone = false;
    try {
      let samples = 0;
      let said = 0;
      for await (const block of blocks) {
        samples += block.length;
        for (; samples >= (said + 1) * 16_000; said++) {
          signal?.throwIfAborted();
          await Promise.race([said === 0 ? this.gate : Promise.all([this.gate, this.laterGate]), aborted(signal)]);
          signal?.throwIfAborted();
          if (this.failure !== undefined && said > 0) throw this.failure;
          yield segmentOf(said);
        }
      }
      isDone = true;
    } finally {
      this.running -= 1;
      if (!isDone) this.givenUp += 1;
    }
  }
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
}

function segmentOf(second: number): TranscribedSegment {
  const [startMs, endMs, text] = [second * 1_000, second * 1_000 + 900, `w${second}.`];
  return {
    text,
    startMs,
    endMs,
    words: [{ text, startMs, endMs, confidence: 0.9 }],
    tokens: [{ id: 100 + second, text: ` w${second}.`, logprob: -0.5 }],
    language: 'en',
    avgLogprob: -0.5,
    noSpeechProb: 0.01,
    temperature: 0,
  };
}

export interface FileGatewayOptions {
  readonly createTransport?: (options: TransportOptions) => Transport;
  readonly uploadBytesMax?: number;
  readonly limits?: Partial<FileLimits>;
}

/** Serves until the test ends. */
export async function openFileGateway(t: Test, options: FileGatewayOptions = {}) {
  const { createTransport = createWsTransport, uploadBytesMax = 10_000_000, limits = {} } = options;
  const transcriber = new CountingTranscriber();
  const files = new FileTranscription(transcriber, { filesMax: 4, filesWaitingMax: 50, ...limits });
  const metrics = new MetricsRegistry();
  const gateway = new Gateway({
    createTransport,
    limits: ROOMY_LIMITS,
    log: pino({ level: 'silent' }),
    metrics,
  });
  addFrontRoutes(gateway, metrics);
  t.teardown(() => gateway.close());
  const port = await gateway.listen(0, '127.0.0.1');
  const polishing = new PolishService({ fast: new RulesPolisher(), waitingMax: 10 });
  const languages = ['en', 'de'];
  gateway.open(() => {
    throw new Error('no sessions here');
  }, [
    ...asrWebserviceRoutes({ files, model: { languages, isMultilingual: true }, uploadBytesMax }),
    ...restRoutes({ files, model: { languages }, uploadBytesMax, polishing, polishBudgetMs: 5_000 }),
    ...openAiRestRoutes({
      files,
      authorizer: new TemporaryKeys(),
      model: { name: 'scripted', languages, isMultilingual: true },
      uploadBytesMax,
    }),
  ]);
  return { gateway, transcriber, files, port, http: `http://127.0.0.1:${port}` };
}
