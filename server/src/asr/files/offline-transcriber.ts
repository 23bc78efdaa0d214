// Everything that whole files need, in this process: model, engine, voice activity detector.
import { ModelRegistry } from '@sotto/models';
import type { ChineseScript } from '../../text/chinese-script.js';
import { SileroRecordings } from '../../vad/silero-recordings.js';
import {
  FileTranscriber,
  type TranscribedSegment,
  type TranscribeOptions,
  type TranscribeRun,
} from './file-transcriber.js';
import { openDeviceEngines } from '../open-device-engines.js';
import { Scheduler } from '../scheduling/scheduler.js';
import type { WhisperEngineOptions } from '../whisper/whisper-engine.js';
import { loadTokenizer } from '../tokenizer.js';

export interface OfflineTranscriberOptions extends TranscribeOptions {
  /** Characters of Chinese text where the language tag does not say. Default: simplified. */
  readonly chineseScript?: ChineseScript | 'mixed';
  /** Name of an installed model. Default: the one that serves. */
  readonly model?: string;
  /** Folder of installed models. Default as `sotto models` has it. */
  readonly models?: string;
  /** A list of devices; see `DEVICE_LIST`. Default: the CPU. */
  readonly devices?: string;
  /** What a CPU calculates in. Default `auto`: int8. */
  readonly precision?: WhisperEngineOptions['precision'];
  /** Threads of an engine on the CPU. Default: all cores of this machine, as `sotto serve` has it. */
  readonly threads?: number;
}

export interface OfflineRun extends TranscribeRun {
  /** Of this recording, in place of the one for all. */
  readonly language?: string;
}

export interface OfflineTranscriber {
  readonly model: string;
  /**
   * Segments of a recording (16 kHz mono, whole or block by block) in order. Throws AsrError, VadError, or what the
   * blocks throw.
   */
  transcribe(
    audio: Float32Array | AsyncIterable<Float32Array>,
    run?: OfflineRun,
  ): AsyncGenerator<TranscribedSegment, void, undefined>;
  /** May be called twice. */
  close(): Promise<void>;
}

/** Loads the model. Rejects with ModelError (no such model) or EngineError (it cannot be loaded). */
export async function createOfflineTranscriber(options: OfflineTranscriberOptions = {}): Promise<OfflineTranscriber> {
  const registry = new ModelRegistry(options.models);
  const model = options.model === undefined ? await registry.choose() : await registry.find(options.model);
  const tokenizer = await loadTokenizer(model.directory);
  const opened = await openDeviceEngines(model, {
    devices: options.devices ?? 'cpu',
    engines: 1,
    threads: options.threads ?? 0,
    precision: options.precision ?? 'auto',
    isolation: 'inline',
    onEvent: () => {},
  });
  const engines = opened.map(({ engine }) => engine);
  const detector = new SileroRecordings();
  const scheduler = new Scheduler(engines);
  const files = new FileTranscriber(scheduler, tokenizer, detector, options);
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await scheduler.close();
    await Promise.all([...engines, detector].map((part) => part.close()));
  };
  return {
    model: model.name,
    transcribe: (audio, { language, ...run } = {}) =>
      files.transcribe(
        audio instanceof Float32Array ? whole(audio) : audio,
        language === undefined ? options : { ...options, language },
        run,
      ),
    close: () => (closed ??= close()),
  };
}

async function* whole(samples: Float32Array): AsyncGenerator<Float32Array, void, undefined> {
  yield samples;
}
