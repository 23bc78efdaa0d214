// The live transcript on a screen: what grows, what settles, and how long and wide text is broken.
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import stringWidth from 'string-width';
import t from 'tap';
import { TerminalView } from '../../../server/src/cli/terminal-view.js';
import { wrapText } from '../../../server/src/captions/wrap-text.js';
import { holds } from '../../support/property.js';
import { Screen } from '../../support/screen.js';
import { final, partial, polished } from '../../support/speech-messages.js';

const lines = (text: string, columns: number) => wrapText(text, columns).map((line) => line.text);

t.test('SP4, SP6: the partial grows in place, its tentative end dimmed, and settles as a line', async (t) => {
  const screen = new Screen(40);
  const view = new TerminalView({ terminal: screen, dim: true });
  view.event(partial(0, '', 'Ask knot'));
  t.strictSame(screen.lines, ['⟨Ask knot⟩']);
  view.event(partial(0, 'Ask not ', 'what your'));
  t.strictSame(screen.lines, ['Ask not ⟨what your⟩']);
  view.event(final(0, 'Ask not what your country can do for you.'));
  t.strictSame(screen.lines, ['Ask not what your country can do for', 'you.', '']);
  view.event(partial(1, 'Ask', ''));
  view.note('(a note)');
  t.strictSame(screen.lines, ['Ask not what your country can do for', 'you.', '(a note)', 'Ask']);
  view.end();
  t.strictSame(screen.lines.slice(-2), ['Ask', '']);
});

t.test('SP7: noise leaves nothing on the screen', async (t) => {
  const screen = new Screen(40);
  const view = new TerminalView({ terminal: screen, dim: true });
  view.event(partial(0, '', 'Thank you'));
  view.event(final(0, ''));
  view.end();
  t.strictSame(screen.lines, ['']);
});

t.test('PO3: a final whose polished text is to come stays in the live part, then settles polished', async (t) => {
  const screen = new Screen(40);
  const view = new TerminalView({ terminal: screen, isPolished: true, dim: true });
  view.event(final(0, 'um so we went'));
  t.strictSame(screen.lines, ['um so we went']);
  view.event(partial(1, 'and', ' then'));
  t.strictSame(screen.lines, ['um so we went and ⟨then⟩']);
  view.event(polished(0, 'So we went.'));
  t.strictSame(screen.lines, ['So we went.', 'and ⟨then⟩']);
  view.event(final(1, 'and then home'));
  view.end();
  t.strictSame(screen.lines, ['So we went.', 'and then home', ''], 'what is never polished is not lost');
});

t.test('a long partial takes several rows and is redrawn in place', async (t) => {
  const screen = new Screen(16);
  const view = new TerminalView({ terminal: screen, dim: true });
  view.event(final(0, 'Before.'));
  view.event(partial(1, 'one two three ', 'four five six'));
  t.strictSame(screen.lines, ['Before.', 'one two three', '⟨four five six⟩']);
  view.event(partial(1, 'one two three four ', 'five'));
  t.strictSame(screen.lines, ['Before.', 'one two three', 'four ⟨five⟩']);
  view.event(partial(1, 'one', ''));
  t.strictSame(screen.lines, ['Before.', 'one']);
});

t.test('Chinese and Japanese are broken between characters, by their width', async (t) => {
  t.strictSame(lines('今天天气很好我们去公园', 8), ['今天天气', '很好我们', '去公园']);
  t.strictSame(lines('今天天气，很好', 8), ['今天天', '气，很好'], 'no line begins with punctuation');
  const screen = new Screen(9);
  const view = new TerminalView({ terminal: screen, dim: true });
  view.event(partial(0, '今天天气很', '好我们'));
  t.strictSame(screen.lines, ['今天天气', '很⟨好我们⟩']);
});

t.test('a partial larger than the window shows its end', async (t) => {
  const screen = new Screen(10, 4);
  const view = new TerminalView({ terminal: screen, dim: false });
  for (let round = 0; round < 3; round++)
    view.event(partial(0, 'a b c d e f g h i j k l m n o p q r s t u v w x y z', ''));
  t.strictSame(screen.lines, ['k l m n o', 'p q r s t', 'u v w x y', 'z'].slice(1));
});

t.test('text cannot steer the terminal', async (t) => {
  const screen = new Screen(40);
  const view = new TerminalView({ terminal: screen, dim: false });
  view.event(final(0, 'a\u001b[2Jb\u0007c\rd\ne\u009bf'));
  t.strictSame(screen.lines, ['a [2Jb c d e f', '']);
});

t.test('wrapped lines fit, lose nothing but spaces, and know where they begin', async (t) => {
  const unit = fc.constantFrom('a', 'word', ' ', '  ', '天', '，', 'é', '👩‍👩‍👧', '.', 'は', 'x'.repeat(9));
  holds(
    t,
    fc.property(fc.array(unit, { maxLength: 40 }), fc.integer({ min: 2, max: 20 }), (units, columns) => {
      const text = units.join('');
      const wrapped = wrapText(text, columns);
      for (const line of wrapped) {
        assert.ok(stringWidth(line.text) <= columns, `${JSON.stringify(line.text)} is wider than ${columns}`);
        assert.equal(text.slice(line.start, line.start + line.text.length), line.text);
      }
      assert.equal(
        wrapped
          .map((line) => line.text)
          .join('')
          .replaceAll(' ', ''),
        text.replaceAll(' ', ''),
      );
    }),
    { numRuns: 2_000 },
  );
});

t.test('whatever comes, the screen shows the finals and then the text in progress', async (t) => {
  const text = fc
    .array(fc.constantFrom('one ', 'two ', 'three ', '天 ', '气 ', 'seventeen '), { maxLength: 12 })
    .map((it) => it.join(''));
  const step = fc.record({ stable: text, tentative: text, settles: fc.boolean() });
  holds(
    t,
    fc.property(fc.array(step, { maxLength: 15 }), fc.integer({ min: 10, max: 30 }), (steps, columns) => {
      const screen = new Screen(columns, 50);
      const view = new TerminalView({ terminal: screen, dim: false });
      let segmentId = 0;
      const expected: string[] = [];
      for (const { stable, tentative, settles } of steps) {
        view.event(partial(segmentId, stable, tentative));
        const shown = lines(stable + tentative, columns);
        assert.deepEqual(screen.lines, [...expected, ...(shown.length > 0 ? shown : [''])]);
        if (!settles) continue;
        view.event(final(segmentId++, stable));
        expected.push(...lines(stable.trim(), columns));
        assert.deepEqual(screen.lines, [...expected, '']);
      }
    }),
  );
});
