// A thread that decodes files, one after the other: see decoder-thread.ts for the other end.
import { constants, platform, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { AudioFileError } from './audio-errors.js';
import { decodeBlocks } from './decode-blocks.js';
import type { FromDecoder, ToDecoder } from './decoder-thread.js';

const port = parentPort;
if (port === null) throw new Error('This file is the main file of a worker thread.');

/** Behind whatever is live on the same cores. On Linux a priority is one thread's own (setpriority(2), "C library/kernel differences"), elsewhere the process's. */
if (platform() === 'linux') setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

/** Whether nobody wants to hear of the file any more. */
let isLeft = false;
let onBytes: ((bytes: Uint8Array | undefined) => void) | undefined;

async function* incoming(): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const bytes = await new Promise<Uint8Array | undefined>((resolve) => {
      onBytes = resolve;
      post({ type: 'hungry' });
    });
    if (bytes === undefined) return;
    yield bytes;
  }
}

let blocks: AsyncGenerator<Float32Array, void, undefined> | undefined;

async function next(): Promise<void> {
  try {
    const block = await blocks?.next();
    if (block === undefined || block.done === true) return post({ type: 'end' });
    // What lies in WebAssembly's memory, or shares its buffer, cannot be handed over.
    const samples = block.value.slice();
    post({ type: 'block', samples }, [samples.buffer]);
  } catch (error) {
    post(
      error instanceof AudioFileError
        ? { type: 'refused', code: error.code, message: error.message }
        : { type: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) },
    );
  }
}

async function leave(): Promise<void> {
  isLeft = true;
  onBytes?.(undefined);
  try {
    await blocks?.return();
  } catch {
    // How it ends is of no interest any more.
  }
  blocks = undefined;
  isLeft = false;
  post({ type: 'left' });
}

function post(message: FromDecoder, transfer: ArrayBuffer[] = []): void {
  if (!isLeft) port?.postMessage(message, transfer);
}

port.on('message', (message: ToDecoder) => {
  switch (message.type) {
    case 'open':
      isLeft = false;
      blocks = decodeBlocks(incoming(), (warning) => post({ type: 'warning', warning }), message.channel);
      return;
    case 'next':
      return void next();
    case 'bytes':
      return onBytes?.(message.bytes);
    case 'over':
      return onBytes?.(undefined);
    case 'leave':
      return void leave();
  }
});

post({ type: 'ready' });
