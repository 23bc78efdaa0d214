// What runs in a thread of the detector: it judges the places that it is told of, until it is told to end.
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '@sotto/protocol';
import { SileroMemory, type SileroPage } from './silero-memory.js';
import { SileroRunner, type LoadModel } from './silero-runner.js';

/** To a thread: places to judge, further memory, or the end. */
export type ToSilero = Uint32Array | { readonly page: SileroPage } | 'close';

/** From it: the model is loaded, the places are judged, or why that failed. */
export type FromSilero = 'ready' | 'done' | { readonly failure: string };

/** What it is given at its start. */
export interface SileroThreadData {
  readonly pages: readonly SileroPage[];
  /** For a thread of a test. */
  readonly extra: unknown;
}

/** Never rejects; ends the thread where the model cannot be loaded. */
export async function serveSilero(load: LoadModel): Promise<void> {
  const port = parentPort;
  if (port === null) throw new TypeError('this runs in a thread');
  const say = (message: FromSilero): void => port.postMessage(message);
  const { pages } = workerData as SileroThreadData;
  const memory = new SileroMemory(pages);
  let runner: SileroRunner;
  try {
    runner = await SileroRunner.load(load);
  } catch (error) {
    return say({ failure: messageOf(error) });
  }
  port.on('message', (message: ToSilero) => {
    if (message === 'close') {
      runner.close();
      port.close();
    } else if ('page' in message) {
      memory.add(message.page);
    } else {
      runner.run(memory, message).then(
        () => say('done'),
        (error: unknown) => say({ failure: messageOf(error) }),
      );
    }
  });
  say('ready');
}
