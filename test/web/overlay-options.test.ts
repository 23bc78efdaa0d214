// The overlay's options in its address, and its mask.
import * as fc from 'fast-check';
import t from 'tap';
import {
  formatOverlayOptions,
  OVERLAY_BOUNDS,
  OVERLAY_DEFAULTS,
  parseOverlayOptions,
} from '../../server/web/src/overlay/options.js';
import { maskSwearWords } from '../../server/src/text/swear-words.js';

const parse = (query: string) => parseOverlayOptions(new URLSearchParams(query));

const number = ([min, max]: readonly [number, number]) => fc.integer({ min, max });

t.test('nothing said is the defaults, and the defaults say nothing', async (t) => {
  t.strictSame(parse(''), OVERLAY_DEFAULTS);
  t.equal(formatOverlayOptions(OVERLAY_DEFAULTS), '');
});

t.test('what is wrong has its default or its bound', async (t) => {
  const bad =
    'size=9999&lines=-3&width=x&position=left&color=red&background=%23AABBCC80&font=a%3Bb%7D&watch=%3Cscript%3E&language=E%20N';
  t.strictSame(parse(bad), {
    ...OVERLAY_DEFAULTS,
    size: OVERLAY_BOUNDS.size[1],
    lines: OVERLAY_BOUNDS.lines[0],
    background: 'aabbcc80',
  });
});

t.test('any options survive the address', async () => {
  const color = fc.stringMatching(/^[0-9a-f]{8}$/);
  const options = fc.record({
    watch: fc.stringMatching(/^[\w-]{0,64}$/),
    token: fc.stringMatching(/^[\w.~-]{0,64}$/),
    language: fc.constantFrom('auto', 'en', 'zh'),
    font: fc.constantFrom('', 'Noto Sans', '思源黑体', 'Comic & Sons'),
    size: number(OVERLAY_BOUNDS.size),
    lines: number(OVERLAY_BOUNDS.lines),
    position: fc.constantFrom('bottom' as const, 'middle' as const, 'top' as const),
    align: fc.constantFrom('left' as const, 'center' as const, 'right' as const),
    width: number(OVERLAY_BOUNDS.width),
    color,
    background: color,
    outlineColor: color,
    outline: number(OVERLAY_BOUNDS.outline),
    uppercase: fc.boolean(),
    mask: fc.boolean(),
    delay: number(OVERLAY_BOUNDS.delay),
    hide: number(OVERLAY_BOUNDS.hide),
    sample: fc.boolean(),
  });
  fc.assert(
    fc.property(options, (wanted) => {
      const got = parse(formatOverlayOptions(wanted));
      return JSON.stringify(got) === JSON.stringify({ ...OVERLAY_DEFAULTS, ...wanted });
    }),
  );
});

t.test('swear words keep their first letter; what only looks like one is left alone', async (t) => {
  t.equal(maskSwearWords('What the Fuck, fucking hell'), 'What the F***, f****** hell');
  t.equal(maskSwearWords('Scunthorpe, Mishit, shiitake, 混凝土'), 'Scunthorpe, Mishit, shiitake, 混凝土');
  t.equal(maskSwearWords('你他妈的'), '你他**');
});
