// What the server and a decoder's process say to each other. A process may have several files open.
import type { Selection } from '../decode-blocks.js';
import type { AudioFileErrorCode, AudioFileWarning } from '../audio-errors.js';

export type DecoderRequest = { readonly file: number } & DecoderOrder;

/** All but `leave` are answered with the next step; `leave` when the file is let go of. */
export type DecoderOrder =
  /** A file begins. */
  | { readonly type: 'open'; readonly selection: Selection }
  /** The answer to `hungry`. */
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'over' }
  /** After a block. */
  | { readonly type: 'next' }
  /** Nobody wants the rest of the file. */
  | { readonly type: 'leave' };

export type DecoderStep = { readonly warnings: readonly AudioFileWarning[] } & (
  | { readonly type: 'hungry' }
  | { readonly type: 'block'; readonly samples: Float32Array }
  | { readonly type: 'end' }
);

export interface DecoderWork {
  readonly load: undefined;
  readonly facts: undefined;
  readonly request: DecoderRequest;
  readonly answer: DecoderStep;
  readonly part: never;
  readonly told: never;
  readonly tells: never;
  /** `failed`: no fault of the file, as far as is known. */
  readonly code: AudioFileErrorCode | 'failed';
}
