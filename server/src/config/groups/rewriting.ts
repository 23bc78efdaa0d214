// What is done to the words of every transcript, where clients do not say.
import { PROFANITY_MODES, REDACTIONS } from '@sotto/protocol';
import { REDACT_LIST, REPLACEMENT_LIST } from '../../text/rewriting/default-rewriting.js';
import { choice, form, optionalText } from '../setting.js';

export const REWRITING_SETTINGS = {
  redact: form('', REDACT_LIST, `a list of ${REDACTIONS.join(', ')}`, {
    unit: 'kinds',
    meaning:
      'What is hidden in every text, comma-separated: card, phone, email, account, number (any three digits in a row), names. A client may ask for something else. Empty: nothing.',
  }),
  redactNames: optionalText({ unit: 'names', meaning: 'The names that `names` hides, comma-separated.' }),
  profanity: choice(PROFANITY_MODES, 'off', {
    meaning:
      'Whether of swear words, English and Chinese, only the first letter is left (mask), where the client does not say.',
  }),
  replacements: form('', REPLACEMENT_LIST, 'rules such as "jason=JSON; post gress=Postgres"', {
    unit: 'rules',
    meaning: 'Words that are written in another way, where the client does not say: `find=replace`, separated by `;`.',
  }),
} as const;
