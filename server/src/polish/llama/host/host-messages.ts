// What the server and the polisher's process say to each other.
import type { PolisherErrorCode, PolishRequest } from '../../polisher.js';
import type { LlamaOptions } from '../gguf-polisher.js';
import type { PolishModel } from '../polish-model.js';

export type ToHost =
  | { readonly type: 'load'; readonly model: PolishModel; readonly options: LlamaOptions }
  | { readonly type: 'polish'; readonly id: number; readonly request: PolishRequest }
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'close' };

export type FromHost =
  | { readonly type: 'loaded' }
  | { readonly type: 'loadFailed'; readonly message: string }
  | { readonly type: 'piece'; readonly id: number; readonly text: string }
  | { readonly type: 'done'; readonly id: number; readonly text: string }
  | { readonly type: 'failed'; readonly id: number; readonly code: PolisherErrorCode; readonly message: string }
  | { readonly type: 'alive' };

export const HEARTBEAT_MS = 1_000;
