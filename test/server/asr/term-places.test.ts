// Places of a text that sound like a caller's terms, and what is written there instead.
import { ModelRegistry } from '@sotto/models';
import * as fc from 'fast-check';
import t from 'tap';
import { TermPlaces } from '../../../server/src/asr/hotwords/term-places.js';
import { soundDistance, soundOf } from '../../../server/src/asr/hotwords/term-sound.js';
import { loadTokenizer } from '../../../server/src/asr/tokenizer.js';
import { propertyRuns } from '../../support/property.js';

const { directory } = (await new ModelRegistry().find('whisper-base-adapted')).files;
const tokenizer = await loadTokenizer(directory);

/** The most that a term may cost in a text where it has one place: by itself, and of what a doubt adds. */
async function cost(text: string, term: string): Promise<readonly [number, number]> {
  const [place] = await (await TermPlaces.open(tokenizer, [term])).find(tokenizer.encode(text));
  return [place?.costMax ?? NaN, place?.costOfDoubt ?? NaN];
}

/** The text with each place in turn written otherwise, the likeliest first. */
async function texts(text: string, ...terms: string[]): Promise<string[]> {
  const ids = tokenizer.encode(text);
  const places = await (await TermPlaces.open(tokenizer, terms)).find(ids);
  return places.map(({ first, past, tokens }) =>
    tokenizer.decode([...ids.slice(0, first), ...tokens, ...ids.slice(past)]),
  );
}

t.test('a word that sounds like a term, in the spelling of the term', async (t) => {
  t.strictSame((await texts(' We printed in Strasbourg.', 'Strasburg', 'Basle'))[0], ' We printed in Strasburg.');
  t.ok((await texts(' Ask Mister Smith', 'Smyth')).includes(' Ask Mister Smyth'));
  t.ok((await texts(" That is Smith's house", 'Smyth')).includes(" That is Smyth's house"), 'the name alone');
  t.ok((await texts(' It was a shape.', 'Chape')).includes(' It was a chape.'), 'small where that is likelier');
});

t.test('a term that was heard as several words, and words that were heard as one', async (t) => {
  t.ok((await texts(' I work for think engine.', 'Thinkengine')).includes(' I work for Thinkengine.'));
  t.ok((await texts(' That is a country direction', 'Contradiction')).includes(' That is a contradiction'));
  t.ok((await texts(' Ask Annlee now', 'Ann Lee')).includes(' Ask Ann Lee now'));
});

t.test('at the beginning of a text and of a sentence with a capital letter', async (t) => {
  t.strictSame(await texts(' Sodo is here', 'sotto'), [' Sotto is here']);
  t.strictSame(await texts(' Yes. Sodo is here', 'sotto'), [' Yes. Sotto is here']);
});

t.test('nothing where the term stands already, or nothing sounds like it', async (t) => {
  t.strictSame(await texts(' We printed in Strasburg.', 'Strasburg'), []);
  t.strictSame(await texts(' Ask Jon, not John', 'Jon', 'John'), [], 'one term is not put in the place of another');
  t.strictSame(await texts(' The weather is fine today', 'Strasburg', 'Ibuprofen', '土地'), []);
  t.strictSame(await texts('', 'Strasburg'), []);
  t.strictSame(await texts(' Hello', '', '!', ' '), []);
});

t.test('Chinese by its syllables, whatever the characters', async (t) => {
  t.strictSame(await texts('土地红绿与人口', '红利'), ['土地红利与人口']);
  t.strictSame((await texts('再度聚焦辛苦发行改革', '新股'))[0], '再度聚焦新股发行改革');
  t.strictSame((await texts('新工廠辛苦發行', '新股'))[0], '新工廠新股發行', 'in the script of the text');
  t.strictSame(await texts('土地红利', '红利'), []);
  t.strictSame(await texts('土地紅利', '红利'), [], 'the term in the other script');
  t.strictSame(await texts('今天天气很好', '红利', '新股'), []);
  t.strictSame(await texts('深圳下门房价', '厦门'), ['深圳厦门房价'], 'as it is read in the word, not alone');
  t.strictSame(await texts('人口基数畏减', '锐减'), ['人口基数锐减'], 'w is no consonant');
  t.strictSame((await texts('六年来健身人数', '晋升'))[0], '六年来晋升人数', 'with a glide more');
});

t.test('a Chinese term may cost more the longer and the nearer it is, and where the model doubted', async (t) => {
  const [long, doubt] = await cost('打开贵费最久', '贵妃醉酒');
  const [short] = await cost('土地红绿与人口', '红利');
  const [far] = await cost('人口基数畏减', '锐减');
  t.ok(long > short && short > far, `${long} ${short} ${far}`);
  t.ok(doubt > 0);
  t.equal((await cost(' Sodo is here', 'sotto'))[1], 0, 'in letters doubt adds nothing');
});

t.test('the rest of a text stays, to the letter', async (t) => {
  const words = fc.constantFrom('smith', 'Smyth,', 'smythe.', 'went', 'home', '红绿', '的', 'e\u0301tude', '-', '42');
  await fc.assert(
    fc.asyncProperty(fc.array(words, { maxLength: 12 }), async (parts) => {
      const text = parts.map((part) => ` ${part}`).join('');
      const ids = tokenizer.encode(text);
      const places = await (await TermPlaces.open(tokenizer, ['Smyth', '红利', 'Etude'])).find(ids);
      for (const { first, past, tokens } of places) {
        const heard = tokenizer.decode(ids.slice(first, past));
        const written = tokenizer.decode(tokens);
        t.ok(/smyth|红利|etude/iu.test(written), written);
        t.not(written, heard);
      }
    }),
    { numRuns: propertyRuns(80) },
  );
});

t.test('a distance is the same from both sides, 0 for what sounds alike, and no more than was asked for', async (t) => {
  const text = fc.stringMatching(/^[a-z]{0,12}$/);
  fc.assert(
    fc.property(text, text, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, max) => {
      const whole = soundDistance(soundOf(a), soundOf(b), 9);
      const bounded = soundDistance(soundOf(a), soundOf(b), max);
      t.ok(Math.abs(whole - soundDistance(soundOf(b), soundOf(a), 9)) < 1e-9);
      t.equal(soundDistance(soundOf(a), soundOf(a), 0), 0);
      t.ok(bounded === Infinity ? whole > max - 1e-9 : bounded === whole, `${a} ${b} ${whole} ${bounded} ${max}`);
    }),
    { numRuns: propertyRuns(2_000) },
  );
  t.equal(soundDistance(soundOf('Kathryn'), soundOf('Catrin'), 9) < 0.2, true);
  t.equal(soundDistance(soundOf('фото'), soundOf('фото'), 0), 0);
});
