// The polisher's process: loads the model that it is sent, and writes what it is sent.
import { serveParent } from '../../../native-host/serve-parent.js';
import { PolisherError } from '../../polisher.js';
import { LlamaPolisher } from '../llama-polisher.js';
import type { PolishWork } from './polish-work.js';

let polisher: LlamaPolisher | undefined;

// No `close`, which would be an orderly end of the model: a run in native code may take longer than anybody waits.
serveParent<PolishWork>({
  async load({ model, options }) {
    polisher = new LlamaPolisher(model, options);
    await polisher.warmUp();
    if (polisher.failure !== undefined) throw new PolisherError('unavailable', polisher.failure);
    return undefined;
  },
  async run(request, { signal, onPart }) {
    if (polisher === undefined) throw new PolisherError('unavailable', 'no model is loaded');
    return polisher.polish(request, { signal, onText: onPart });
  },
  codeOf: (error) => (error instanceof PolisherError ? error.code : 'failed'),
});
