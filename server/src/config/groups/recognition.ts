// The model, the devices that it runs on, and how its hypotheses become text.
import { DEVICE_LIST } from '../../asr/devices.js';
import { FALLBACK_BUDGET_MS } from '../../asr/hypothesis/final-decode.js';
import { FINALS_LATE_MS_MAX } from '../../asr/recognizer-options.js';
import { choice, form, integer, optionalText, toggle } from '../setting.js';
import { GIB } from '../units.js';

export const RECOGNITION_SETTINGS = {
  finalsLateMsMax: integer(FINALS_LATE_MS_MAX, {
    unit: 'milliseconds',
    min: 0,
    max: 600_000,
    meaning:
      'How late finals may be before a new stream is answered with `overloaded`; running streams continue. So it is while the thread of the sockets has been full for five seconds. 0: no limit at all.',
  }),
  model: optionalText({
    unit: 'name',
    meaning:
      'Installed model to use (`sotto models list`). Empty: the best one installed, else the one that comes with Sotto.',
  }),
  models: optionalText({ unit: 'folder', meaning: 'Where installed models are. Empty: the user data folder.' }),
  engine: choice(['whisper', 'null', 'marked', 'scripted'], 'whisper', {
    meaning:
      'What recognises. For benchmarks of everything around it: null recognises nothing and answers at once; marked hears the numbers that the bench of several nodes hides in its audio; scripted says a text of its own, as long as the speech.',
  }),
  engineHost: choice(['process', 'inline'], 'process', {
    meaning:
      'Where engines on the CPU run: process: each in a child process, so that a crash drops no connection (engines on GPUs always do); inline: in the server itself.',
  }),
  devices: form('cpu', DEVICE_LIST, 'a list of devices: cpu, or cuda:0,cuda:1', {
    unit: 'devices',
    meaning:
      'What engines run on: cpu, or the GPUs of NVIDIA by number, comma-separated. One engine for each GPU; the least loaded takes the next work.',
  }),
  engines: integer(1, {
    min: 1,
    max: 64,
    meaning: 'Engines on the CPU that share the work. More help only with more cores than one engine uses.',
  }),
  threads: integer(0, {
    min: 0,
    max: 256,
    meaning: 'Threads of one engine. 0: the cores of this machine, shared among the engines.',
  }),
  memoryBytesMax: integer(0, {
    unit: 'bytes',
    min: 0,
    max: 1_000_000 * GIB,
    meaning:
      'Memory that the server, its engines, its polisher and its decoders may hold together; 0: a quarter of this machine. Runs on the CPU are made as large as fits, and smaller when it is exceeded anyway, down to one window. Live speech is never refused for it.',
  }),
  runsInFlight: integer(2, {
    min: 1,
    max: 2,
    meaning:
      'Batches that a GPU is handed at once. 2: shortly before it is done with one it gets the next, so that it need not wait.',
  }),
  precision: choice(['auto', 'int8', 'fp32'], 'auto', {
    meaning:
      'What engines on the CPU calculate in: fp32, or int8 in nearly all of the network, which is two to three times as fast and recognises nearly the same. auto: int8.',
  }),
  stability: choice(['both', 'align-att', 'local-agreement'], 'both', {
    meaning:
      'When the text of a partial becomes stable: by attention, by two agreeing hypotheses, or when both say so.',
  }),
  holdbackMs: integer(400, {
    unit: 'milliseconds',
    min: 0,
    max: 5_000,
    meaning: 'Words that end closer than this to the end of the audio stay tentative (align-att, both).',
  }),
  languages: form(
    '',
    /^$|^[A-Za-z]{2,}([-_][A-Za-z0-9]+)*(\s*,\s*[A-Za-z]{2,}([-_][A-Za-z0-9]+)*)*$/,
    'languages: en,zh',
    {
      unit: 'languages',
      meaning:
        'Languages that may be spoken, comma-separated: `auto` chooses from these. A session may name others. Empty: all that the model knows.',
    },
  ),
  chineseScript: choice(['simplified', 'traditional', 'mixed'], 'simplified', {
    meaning:
      'Characters of Mandarin text where the language tag does not say (zh-CN and zh-Hans do, zh-TW and zh-Hant do). mixed: as the model writes, its marks too.',
  }),
  earlyFinals: toggle(true, {
    meaning:
      'Start decoding the final during the silence that may end an utterance, instead of after it. Not done under load.',
  }),
  fallbackBudgetMs: integer(FALLBACK_BUDGET_MS, {
    unit: 'milliseconds',
    min: 0,
    max: 600_000,
    meaning:
      'Audio of a live final that is decoded again, in smaller pieces where its text repeats itself or is empty, on from where it ends early, behind what was said before where it is unclear. Less under load, and while partials are stretched only of one that is empty or ends early. 0 turns it off.',
  }),
} as const;
