// What the server and the polisher's process say to each other.
import type { PolisherErrorCode, PolishRequest } from '../../polisher.js';
import type { LlamaOptions } from '../gguf-polisher.js';
import type { PolishModel } from '../polish-model.js';

export interface PolishWork {
  readonly load: { readonly model: PolishModel; readonly options: LlamaOptions };
  readonly facts: undefined;
  readonly request: PolishRequest;
  /** The text, and pieces of it before. */
  readonly answer: string;
  readonly part: string;
  readonly told: never;
  readonly tells: never;
  readonly code: PolisherErrorCode;
}
