// The tokenizer against a small Whisper vocabulary made here: text survives, streams never break characters, words come
// as Whisper cuts them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mergePunctuation, ModelError, splitWords, WhisperTokenizer } from '@sotto/models';
import * as fc from 'fast-check';
import t from 'tap';
import { smallTokenizer, SPECIAL_NAMES } from '../support/small-tokenizer.js';
import { anyText } from '../support/property.js';

const content = smallTokenizer([' the', ' quick', 'est', ' say', ' don', "'t", ' "', 'hello']);
const tokenizer = new WhisperTokenizer(content);
const wellFormed = anyText();
const textTokens = fc.array(fc.nat(tokenizer.special.endOfText - 1), { maxLength: 30 });

t.test('special tokens are found by name', async (t) => {
  const { special } = tokenizer;
  const names = ['<|endoftext|>', '<|startoftranscript|>', '<|en|>', '<|zh|>', '<|startofprev|>', '<|0.00|>'];
  const found = [
    special.endOfText,
    special.startOfTranscript,
    special.languages.get('en'),
    special.languages.get('zh'),
    special.startOfPrevious,
    special.firstTimestamp,
  ];
  t.same(
    found,
    names.map((name) => special.endOfText + SPECIAL_NAMES.indexOf(name)),
  );
  t.same([...special.languages.keys()], ['en', 'zh'], 'task and time tokens are no languages');
});

t.test('text survives encode and decode, whatever it is', async () => {
  fc.assert(fc.property(wellFormed, (text) => tokenizer.decode(tokenizer.encode(text)) === text));
});

t.test('merges are used', async (t) => {
  t.equal(tokenizer.encode(' the quickest').length, 3);
});

t.test('special tokens written in a text are text', async (t) => {
  const ids = tokenizer.encode('a<|endoftext|><|en|>b');
  t.ok(ids.every((id) => id < tokenizer.special.endOfText));
  t.equal(tokenizer.decode(ids), 'a<|endoftext|><|en|>b');
});

t.test('previous text is trimmed and gets its leading space', async (t) => {
  t.same(tokenizer.encodePrevious('  the quickest \n'), tokenizer.encode(' the quickest'));
  t.same(tokenizer.encodePrevious(' \n'), []);
});

t.test('special and unknown ids are left out of text', async (t) => {
  const { endOfText, startOfTranscript } = tokenizer.special;
  t.equal(tokenizer.decode([startOfTranscript, ...tokenizer.encode('hello'), endOfText, 1_000_000, -1]), 'hello');
});

t.test('a stream of tokens gives the text that the whole gives', async () => {
  fc.assert(
    fc.property(textTokens, (ids) => {
      const stream = tokenizer.openText();
      const text = ids.map((id) => stream.push(id)).join('') + stream.end();
      return text === tokenizer.decode(ids);
    }),
  );
});

t.test('a stream never shows half a character', async (t) => {
  const ids = tokenizer.encode('né 你好 🎤');
  t.ok(ids.length > 8, 'the characters are several tokens each');
  const stream = tokenizer.openText();
  const pieces = ids.map((id) => stream.push(id));
  t.notOk(pieces.join('').includes('\uFFFD'));
  t.equal(pieces.join(''), 'né 你好 🎤');
  t.equal(stream.end(), '');
  stream.push(ids.at(-4) ?? 0);
  t.equal(stream.end(), '\uFFFD', 'an unfinished character is shown as broken at the end');
  t.equal(stream.push(tokenizer.encode('h')[0] ?? 0), 'h', 'and the stream begins anew');
});

t.test('words hold every token once and spell the text', async () => {
  fc.assert(
    fc.property(textTokens, fc.constantFrom('en', 'zh'), (ids, language) => {
      for (const words of [
        splitWords(tokenizer, ids, language),
        mergePunctuation(splitWords(tokenizer, ids, language)),
      ]) {
        const covered = words.flatMap(({ first, past }) => ids.slice(first, past));
        if (covered.join() !== ids.join()) return false;
        if (words.some(({ first, past }) => past <= first)) return false;
        if (
          words.map(({ text }) => text).join('') !==
          words.map((word) => tokenizer.decode(ids.slice(word.first, word.past))).join('')
        )
          return false;
      }
      return true;
    }),
  );
});

const cut = (text: string, language = 'en') =>
  splitWords(tokenizer, tokenizer.encode(text), language).map((word) => word.text);
const merged = (text: string, language = 'en') =>
  mergePunctuation(splitWords(tokenizer, tokenizer.encode(text), language)).map((word) => word.text);

t.test('words are cut at spaces, characters where a language has none', async (t) => {
  t.same(cut(' the quickest'), [' the', ' quickest']);
  t.same(cut('Ünü çay'), ['Ünü', ' çay']);
  t.same(cut('你好吗', 'zh'), ['你', '好', '吗']);
  t.same(cut('你好吗', 'en'), ['你好吗']);
});

t.test('punctuation stands alone until it is merged', async (t) => {
  t.same(cut(' say "hello".'), [' say', ' "hello', '"', '.']);
  t.same(merged(' say "hello".'), [' say', ' "hello".']);
  t.same(merged(" I don't (know) it!"), [' I', " don't", ' (know)', ' it!']);
  t.same(merged('你好，吗？', 'zh'), ['你', '好，', '吗？']);
  t.same(cut(' 1,234').length, 2);
  t.same(merged(' at 10:30, 1,234.5 of'), [' at', ' 10:30,', ' 1,234.5', ' of'], 'a number is one word');
});

t.test('a folder without a Whisper tokenizer is refused by name', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-tokenizer-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const file = join(directory, 'tokenizer.json');
  await t.rejects(WhisperTokenizer.load(directory), {
    name: 'ModelError',
    code: 'file_missing',
    message: `${file} cannot be read`,
  });
  await writeFile(file, '{ not json');
  await t.rejects(WhisperTokenizer.load(directory), {
    code: 'file_invalid',
    message: `${file} is not a tokenizer that can be read`,
  });
  await writeFile(file, JSON.stringify({ added_tokens: [], model: { type: 'Unigram' } }));
  await t.rejects(WhisperTokenizer.load(directory), { code: 'file_invalid' });
  await writeFile(file, JSON.stringify({ ...content, added_tokens: [] }));
  await t.rejects(
    WhisperTokenizer.load(directory),
    new ModelError('file_invalid', `${file}: no token <|endoftext|>: not a Whisper tokenizer`),
  );
  await writeFile(file, JSON.stringify(content));
  t.equal((await WhisperTokenizer.load(directory)).decode(tokenizer.encode('hello')), 'hello');
});
