// The models that polish, and the time that they have.
import { POLISH_BUDGETS } from '../../polish/polish-budgets.js';
import { choice, integer, optionalText, secret } from '../setting.js';
import { HOUR_MS } from '../units.js';

export const POLISH_SETTINGS = {
  polish: choice(['auto', 'rules', 'off'], 'auto', {
    meaning:
      'What turns finals into readable text, where a client asks for it. auto: the models named below, else the small one that comes with Sotto, else rules. off refuses it.',
  }),
  polishModel: optionalText({
    unit: 'name | file',
    meaning:
      'Model for it: a GGUF file, a folder with one, a name of those (`sotto models pull owner/name:Q4_K_M`), or, with polishUrl, the name at that endpoint.',
    otherVariables: ['POLISH_MODEL'],
  }),
  polishUrl: optionalText({
    unit: 'URL',
    meaning:
      'OpenAI-compatible endpoint that has the model (vLLM, SGLang, llama-server, Ollama): http://127.0.0.1:11434/v1.',
    otherVariables: ['POLISH_URL'],
  }),
  polishKey: secret({
    unit: 'key',
    meaning: 'Key for the endpoint; better set as a variable.',
    otherVariables: ['POLISH_KEY'],
  }),
  polishBestModel: optionalText({
    unit: 'name | file',
    meaning: 'A second, better model, for `quality: best` and for long texts. Empty: there is one only.',
    otherVariables: ['POLISH_BEST_MODEL'],
  }),
  polishBestUrl: optionalText({
    unit: 'URL',
    meaning: 'Its endpoint. Empty: that of polishUrl, or none.',
    otherVariables: ['POLISH_BEST_URL'],
  }),
  polishGpuLayers: integer(0, {
    unit: 'layers',
    min: 0,
    max: 999,
    meaning: 'Layers of a GGUF model that a GPU takes; 999: all. Needs a binary for the GPU (docs/polish.md).',
  }),
  polishThreads: integer(0, {
    unit: 'threads',
    min: 0,
    max: 256,
    meaning: 'Threads of a GGUF model on the CPU. 0: half of the cores.',
  }),
  polishConcurrency: integer(0, {
    unit: 'texts',
    min: 0,
    max: 256,
    meaning: 'Texts that one model polishes at the same time. 0: 4 for a GGUF model, 16 for an endpoint.',
  }),
  polishBudgetMs: integer(POLISH_BUDGETS.segmentMs, {
    unit: 'milliseconds',
    min: 100,
    max: HOUR_MS,
    meaning:
      'How long the polish of one final may take. Beyond: the text is that of the rules. The final itself never waits.',
  }),
  polishStopBudgetMs: integer(POLISH_BUDGETS.stopMs, {
    unit: 'milliseconds',
    min: 100,
    max: HOUR_MS,
    meaning:
      'How long `stopped` may wait for all that is still to be polished, the text of the whole session included.',
  }),
  polishWaitingMax: integer(256, {
    unit: 'texts',
    min: 1,
    max: 100_000,
    meaning: 'Texts that may wait for one model. Beyond: the text is that of the rules.',
  }),
} as const;
