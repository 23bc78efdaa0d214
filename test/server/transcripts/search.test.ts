// What a search finds: words, their beginnings, and characters of scripts without spaces.
import * as fc from 'fast-check';
import t from 'tap';
import { mentions, normalize, parseQuery, termsOf } from '../../../server/src/transcripts/search-terms.js';
import { anyText, holds } from '../../support/property.js';

t.test('words are cut where the script has spaces, characters paired where it has none', async (t) => {
  t.strictSame([...termsOf("Don't PANIC, Café №5!")], ['don', 't', 'panic', 'cafe', 'no5']);
  t.strictSame([...termsOf('今天好')], ['今', '今天', '天', '天好', '好']);
  t.strictSame([...termsOf('用iPhone手机')], ['用', 'iphone', '手', '手机', '机']);
  t.strictSame([...termsOf('がか')], ['が', 'がか', 'か'], 'a mark that makes another character stays');
  t.strictSame([...termsOf('ＡＢＣ ﬁne')], ['abc', 'fine'], 'width and ligatures do not count');
  t.strictSame([...termsOf(' …!? ')], []);
  t.equal([...termsOf('x'.repeat(1_000))][0]?.length, 64);
});

t.test('a query wants its words, the beginning of its last one, and phrases as they are', async (t) => {
  t.strictSame(parseQuery('Budget meet'), { terms: ['budget'], prefix: 'meet', phrases: [] });
  t.strictSame(parseQuery('会'), { terms: ['会'], prefix: undefined, phrases: [] });
  t.strictSame(parseQuery('开会时间'), { terms: ['开会', '会时', '时间'], prefix: undefined, phrases: ['开会时间'] });
  t.ok(parseQuery('a b c d e f g h i j k l m n o p q r s t').terms.length <= 16, 'bounded');
});

t.test('whatever is said can be found by any stretch of it', async (t) => {
  const word = fc.constantFrom(
    'Meeting',
    'naïve',
    '2026',
    '今天',
    '会议',
    'がんばる',
    '안녕하세요',
    'สวัสดี',
    '!',
    'ǅ',
    '𠮷野家',
  );
  const saying = fc.array(word, { minLength: 1, maxLength: 8 }).map((words) => words.join(' '));
  holds(
    t,
    fc.property(saying, fc.nat(), fc.nat({ max: 6 }), (text, at, count) => {
      const words = text.split(' ');
      const from = at % words.length;
      const query = parseQuery(words.slice(from, from + 1 + count).join(' '));
      const here = termsOf(text);
      const hasPrefix = query.prefix === undefined || [...here].some((term) => term.startsWith(query.prefix ?? ''));
      const hasPhrases = query.phrases.every((phrase) => normalize(text).includes(phrase));
      return query.terms.every((term) => here.has(term)) && hasPrefix && hasPhrases;
    }),
  );
});

t.test('any text is cut without failing, into terms that a key can hold', async (t) => {
  holds(
    t,
    fc.property(anyText({ maxLength: 300 }), (text) => {
      const terms = [...termsOf(text)];
      mentions(text, parseQuery(text));
      return terms.every((term) => term !== '' && !term.includes('\0') && Buffer.byteLength(term) <= 300);
    }),
  );
});
