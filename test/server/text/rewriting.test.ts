// Replacing, masking and hiding: what is found, what is left alone, and that nothing hidden is told early.
import * as fc from 'fast-check';
import t from 'tap';
import { NO_REWRITING, Rewriting, type RewritingWish } from '../../../server/src/text/rewriting/rewriting.js';
import { holds } from '../../support/property.js';

const ALL: RewritingWish = {
  replacements: [
    { find: 'post gress', replace: 'Postgres' },
    { find: 'post', replace: 'mail' },
    { find: 'jason', replace: 'JSON' },
    { find: 'color', replace: 'colour' },
    { find: '气象台', replace: '天文台' },
  ],
  profanity: 'mask',
  redact: ['card', 'phone', 'email', 'account', 'names'],
  redactNames: ['Anna Smith', 'Anna', '王小明'],
};
const all = new Rewriting(ALL);

function only(...redact: RewritingWish['redact']): Rewriting {
  return new Rewriting({ ...NO_REWRITING, redact });
}

t.test('cards are found typed and spoken, by their check digit', async (t) => {
  const cards = only('card');
  for (const [text, wanted] of [
    ['My card is 4111 1111 1111 1111, thanks.', 'My card is [card], thanks.'],
    ['4111-1111-1111-1111', '[card]'],
    ['卡号是4111111111111111谢谢', '卡号是[card]谢谢'],
    ['卡号是４１１１１１１１１１１１１１１１。', '卡号是[card]。'],
    ['It is four one one one, 1111 one one one one double one double one.', 'It is [card].'],
    ['四一一一一一一一一一一一一一一一', '[card]'],
    ['Number 2 4111 1111 1111 1111', 'Number 2 [card]'],
    ['4111 1111 1111 1112', '4111 1111 1111 1112'],
    ['One or two of 1,000,000', 'One or two of 1,000,000'],
  ] as const) {
    t.equal(cards.whole(text), wanted);
  }
});

t.test('phones, accounts and numbers', async (t) => {
  for (const [text, wanted] of [
    ['Call +49 (30) 1234-5678 now', 'Call [phone] now'],
    ['Call (555) 123-4567.', 'Call [phone].'],
    ['call oh seven nine four six oh nine five eight', 'call [phone]'],
    ['打13812345678吧', '打[phone]吧'],
    ['on 2024-01-15 at 10:30', 'on 2024-01-15 at 10:30'],
    ['Account 12345678', 'Account [account]'],
    ['Someone at 555', 'Someone at 555'],
  ] as const) {
    t.equal(only('phone', 'account').whole(text), wanted);
  }
  t.equal(only('phone', 'card').whole('2 4111 1111 1111 1111 now'), '2 [card] now');
  t.equal(only('number').whole('Room 101, floor 3, one two three'), 'Room [number], floor [number]');
  t.equal(only('number').whole('Room 101 on floor 3'), 'Room [number] on floor 3');
});

t.test('e-mail addresses, typed and spoken', async (t) => {
  for (const [text, wanted] of [
    ['Write to john.smith+x@mail.example.co.uk. Thanks.', 'Write to [email]. Thanks.'],
    ['邮箱是foo@bar.com谢谢', '邮箱是[email]谢谢'],
    ['john dot smith at example dot com please', '[email] please'],
    ['look at this. Done', 'look at this. Done'],
    ['a @ b', 'a @ b'],
  ] as const) {
    t.equal(only('email').whole(text), wanted);
  }
});

t.test('replacements are whole words, the longest first, and keep the case', async (t) => {
  for (const [text, wanted] of [
    ['Post  gress and post', 'Postgres and mail'],
    ['Post, POST, poster, compost', 'Mail, MAIL, poster, compost'],
    ['jason reads JASON', 'JSON reads JSON'],
    ['Color colors', 'Colour colors'],
    ['在气象台前', '在天文台前'],
  ] as const) {
    t.equal(all.whole(text), wanted);
  }
  const made = new Rewriting({ ...NO_REWRITING, replacements: [{ find: 'ät', replace: '@' }], redact: ['email'] });
  t.equal(made.whole('joe ät example.com'), '[email]', 'what a replacement makes is hidden too');
});

t.test('names of the list and swear words', async (t) => {
  t.equal(all.whole("Anna Smith and anna's friend Annabel"), "[name] and [name]'s friend Annabel");
  t.equal(all.whole('我叫王小明。'), '我叫[name]。');
  t.equal(
    all.whole('What the Fuck, bullshitting. Scunthorpe, 你他妈的'),
    'What the F***, b***********. Scunthorpe, 你他**',
  );
});

t.test('words that are one match are one word with its time', async (t) => {
  const text = 'Dial 555 123 4567, jason.';
  const words = text.split(' ').map((word, i) => ({
    text: word,
    startMs: i * 100,
    endMs: i * 100 + 90,
    confidence: 1 - i / 10,
  }));
  const said = all.words(words, text);
  t.strictSame(
    said.map((word) => [word.text, word.startMs, word.endMs]),
    [
      ['Dial', 0, 90],
      ['[phone],', 100, 390],
      ['JSON.', 400, 490],
    ],
  );
  t.equal(said[1]?.confidence, 0.7);
  t.strictSame(all.words([{ text: 'other', startMs: 0, endMs: 1, confidence: 1 }], text), []);
});

/** Pieces that make up texts in which a lot is to be found, or nearly. */
const PIECE = fc.constantFrom(
  '4111',
  ' 1111',
  ' 1111 1111',
  '-',
  ' ',
  ', ',
  '. ',
  'one ',
  'double ',
  'four',
  'oh',
  '一',
  '王小明',
  '王小',
  'é',
  '🙂',
  'Anna',
  ' Smith',
  'anna',
  'post',
  ' gress',
  'jason',
  ' at ',
  ' dot ',
  '@',
  '.com',
  'john',
  'fuck',
  '妈的',
  '(',
  '+',
  '3',
);
const TEXT = fc.array(PIECE, { maxLength: 24 }).map((pieces) => pieces.join(''));
const WISH = fc.record({
  replacements: fc.subarray([...ALL.replacements]),
  profanity: fc.constantFrom('off' as const, 'mask' as const),
  redact: fc.subarray(['card', 'phone', 'email', 'account', 'number', 'names'] as const),
  redactNames: fc.subarray([...ALL.redactNames]),
});

t.test('what is settled never changes, however the text is cut and goes on', async (t) => {
  holds(
    t,
    fc.property(TEXT, WISH, (text, wish) => {
      const rewriting = new Rewriting(wish);
      const whole = rewriting.whole(text);
      let before = '';
      for (let end = 0; end <= text.length; end += 1) {
        const settled = rewriting.settled(text.slice(0, end));
        if (!settled.startsWith(before)) throw new Error(`${before} became ${settled}`);
        if (!whole.startsWith(settled)) throw new Error(`${settled} is not of ${whole}`);
        before = settled;
      }
    }),
    { numRuns: 1_000 },
  );
});

t.test('nothing that is hidden in the end is told before', async (t) => {
  const SECRETS = [
    '4111 1111 1111 1111',
    'john.smith@example.com',
    '+49 30 123456',
    'Anna Smith',
    '四一一一一一一一一一一一一一一一',
  ];
  const FILLER = fc.constantFrom('Yes', 'the card is', 'ok then', 'call', '好的', 'to be sure,');
  const said = fc.array(fc.tuple(FILLER, fc.constantFrom(...SECRETS)), { minLength: 1, maxLength: 4 });
  holds(
    t,
    fc.property(said, fc.array(fc.nat(200)), (parts, cuts) => {
      const text = parts.map(([filler, secret]) => `${filler} ${secret} so`).join(' ');
      for (const end of [...cuts, text.length]) {
        const told = all.settled(text.slice(0, end)) + all.whole(text);
        if (/\d|[一四]|john|smith|anna/i.test(told)) throw new Error(told);
      }
    }),
  );
});

t.test('a thousand rules over a long text, and text made to be slow', async (t) => {
  const replacements = Array.from({ length: 1_000 }, (_, i) => ({ find: `${'a'.repeat(90)}${i}`, replace: 'x' }));
  const many = new Rewriting({ ...ALL, replacements });
  for (const piece of ['a', 'a ', '1 ', '1', 'double ', 'a dot ', 'a@', '一', '(', 'one ', ' ']) {
    t.type(many.whole(piece.repeat(20_000)), 'string', piece);
  }
});
