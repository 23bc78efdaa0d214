// Words of Latin letters that end in a character of another script.
import { ModelRegistry } from '@sotto/models';
import t from 'tap';
import { withoutForeignLetters } from '../../../server/src/asr/hypothesis/foreign-letters.js';
import { loadTokenizer } from '../../../server/src/asr/tokenizer.js';

const { directory } = (await new ModelRegistry().find('whisper-base-adapted')).files;
const tokenizer = await loadTokenizer(directory);

function left(text: string, language: string): string {
  const tokens = tokenizer.encode(text).map((id, frame) => ({ id, frame, logprob: -0.1 }));
  return tokenizer.decode(withoutForeignLetters(tokens, tokenizer, language).map(({ id }) => id));
}

t.test('one character at the end of a word of Latin letters goes', async (t) => {
  t.equal(
    left(' müssen sie否 gehalten werden.', 'de'),
    ' müssen sie gehalten werden.',
    'whatever bytes it is cut into',
  );
  t.equal(left(' five否, six', 'en'), ' five, six');
  t.equal(left(' ja한', 'nl'), ' ja');
  t.equal(left(' oui鱻.', 'fr'), ' oui.', 'a rare one, of several tokens');
});

t.test('what may have been said stays', async (t) => {
  for (const [text, language] of [
    [' I use WeChat微信 a lot', 'en'],
    [' The character 否 means no', 'en'],
    ['我用App的时候', 'zh'],
    ['WiFi が', 'ja'],
    ['WiFiが', 'ja'],
    [' Größe, naïve, œuvre', 'de'],
    ['', 'en'],
    [' sie否', 'auto'],
  ] as const) {
    t.equal(left(text, language), text);
  }
});
