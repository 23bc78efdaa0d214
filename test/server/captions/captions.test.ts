// Captions as they are read: lines, cues, WebVTT, and the rolling playlist of a live session.
import * as fc from 'fast-check';
import stringWidth from 'string-width';
import t from 'tap';
import { CAPTION_COLUMNS, captionLines } from '../../../server/src/captions/caption-lines.js';
import { cuesOf } from '../../../server/src/captions/cues.js';
import { CUES_MAX, LiveCaptions, SEGMENT_MS, WINDOW_SEGMENTS } from '../../../server/src/captions/live-captions.js';

const live = (): LiveCaptions => new LiveCaptions({ wallNow: () => Date.UTC(2026, 0, 1) });
const said = (text: string, startMs: number, endMs: number) => ({ text, startMs, endMs });
const word = (text: string, startMs: number, endMs = startMs + 300) => ({ text, startMs, endMs, confidence: 1 });
const listed = (captions: LiveCaptions): number[] =>
  [...captions.playlist().matchAll(/segments\/(\d+)\.vtt/g)].map(([, index]) => Number(index));

t.test('lines are about equally long, and words stay whole', async (t) => {
  const text = 'Ask not what your country can do for you, ask what you can do.';
  t.strictSame(captionLines(text), ['Ask not what your country can do', 'for you, ask what you can do.']);
  t.strictSame(captionLines('今天天气很好，我们去公园散步，然后一起吃晚饭吧，好不好呢？'), [
    '今天天气很好，我们去公园散步，',
    '然后一起吃晚饭吧，好不好呢？',
  ]);
  const french = captionLines('Vous avez dit « bonjour » à tout le monde ? « Oui ! »');
  for (const line of french) t.notMatch(line, /^[»?!]|«$/, line);
  t.strictSame(captionLines('short'), ['short']);
  t.strictSame(captionLines(' '), []);
});

t.test('two lines part where a clause ends, unless one is much shorter then', async (t) => {
  t.strictSame(captionLines('Instead, he joined her, and they ate like two hungry children.'), [
    'Instead, he joined her,',
    'and they ate like two hungry children.',
  ]);
  t.strictSame(captionLines('在转移支付的具体方式上,还有哪些其他选择。'), [
    '在转移支付的具体方式上,',
    '还有哪些其他选择。',
  ]);
  t.strictSame(captionLines('Well, it took us 1,000 days to get there and back again.'), [
    'Well, it took us 1,000 days',
    'to get there and back again.',
  ]);
});

t.test('whatever is said: no line is too wide, nothing but spaces is lost', async () => {
  const word = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 60 }),
    fc.constantFrom('words', '今天', 'and', '好，'),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 30 }), (words) => {
      const text = words.join(' ').replaceAll(/\s+/gu, ' ');
      const lines = captionLines(text);
      const isNarrow = lines.every((line) => stringWidth(line) <= CAPTION_COLUMNS);
      return isNarrow && lines.join('').replaceAll(/\s/gu, '') === text.replaceAll(/\s/gu, '');
    }),
  );
});

t.test('a segment without word times is cut as well, by the width of its words', async (t) => {
  const text =
    'This is a long sentence without any word times that goes on for quite some while, and then it ends at last.';
  const cues = cuesOf(said(text, 10_000, 20_000));
  t.ok(cues.length >= 2);
  t.equal(cues.map((cue) => cue.text).join(' '), text);
  t.equal(cues[0]?.startMs, 10_000);
  t.equal(Math.round(cues.at(-1)?.endMs ?? 0), 20_000);
  for (const cue of cues) t.ok(captionLines(cue.text).length <= 2 && cue.endMs - cue.startMs <= 7_000);
});

t.test('never three lines: a long address, and text that its words do not tell of', async (t) => {
  const address = `https://example.com/archive/2026/${'a-rather-long-path/'.repeat(9)}index.html?page=12&sort=date`;
  const text = `Look at ${address} and tell me, please.`;
  const polished = `One two, ${'and much that was never a word of it '.repeat(6)}three.`;
  for (const segment of [
    said(text, 1_000, 21_000),
    { ...said(text, 1_000, 21_000), words: [word('Look', 1_000), word('at', 1_400), word('and', 19_000)] },
    { ...said(polished, 0, 18_000), words: [word('One', 0), word('two', 400), word('three', 17_500)] },
  ]) {
    const cues = cuesOf(segment);
    t.equal(
      cues
        .map((cue) => cue.text)
        .join('')
        .replaceAll(' ', ''),
      segment.text.replaceAll(' ', ''),
    );
    for (const [index, cue] of cues.entries()) {
      const lines = captionLines(cue.text);
      t.ok(lines.length <= 2 && lines.every((line) => line.length <= CAPTION_COLUMNS), lines.join(' | '));
      t.ok(cue.startMs <= cue.endMs && cue.startMs >= (cues[index - 1]?.endMs ?? 0), 'one after the other');
    }
  }
  const torn = cuesOf(said(text, 0, 20_000)).flatMap((cue) => captionLines(cue.text));
  for (const line of torn.slice(0, -2)) t.match(line, /[/?&=.-]$|^Look at$/, 'torn behind a mark');
});

t.test('Chinese, Japanese and Thai are cut between words', async (t) => {
  const chinese = '我们明天上午在国际会议中心讨论人工智能技术发展趋势以及相关的商业应用前景和投资机会';
  for (const [text, whole] of [
    [chinese, ['会议', '中心', '技术', '发展', '趋势', '商业', '应用', '投资', '机会']],
    [
      '東京スカイツリーの展望台から見える景色はとても美しくて観光客に大人気です',
      ['スカイツリー', '展望', '景色', '観光', '人気'],
    ],
    ['สวัสดีครับวันนี้เราจะมาพูดคุยเกี่ยวกับเทคโนโลยีปัญญาประดิษฐ์และการพัฒนาซอฟต์แวร์', ['สวัสดี', 'เทคโนโลยี', 'ปัญญา']],
  ] as const) {
    const words = [...text].map((character, index) => {
      return word(character, index * 200, (index + 1) * 200);
    });
    for (const segment of [said(text, 0, 9_000), { ...said(text, 0, words.length * 200), words }]) {
      const cues = cuesOf(segment);
      const lines = cues.flatMap((cue) => captionLines(cue.text));
      t.equal(lines.join(''), text);
      t.ok(lines.length > 1);
      for (const word of whole)
        t.ok(
          lines.some((line) => line.includes(word)),
          `${word} in ${lines.join(' | ')}`,
        );
    }
  }
  t.match(captionLines('他昨天在会议上对所有的同事们大声地说道：「这个项目一定会成功的」')[1], /^[^」：]/);
});

t.test('marks take no time: a word does not reach into the pause behind its full stop', async (t) => {
  const words = [word('Yes', 1_000, 1_300), word('No', 6_000, 6_200)];
  const cues = cuesOf({ ...said('Well “Yes.” No!', 500, 8_000), words });
  t.strictSame(
    cues.map(({ startMs, text }) => [startMs, text]),
    [[500, 'Well “Yes.” No!']],
  );
  const long = cuesOf({
    ...said('“Yes, it is.” No!', 500, 9_000),
    words: [word('Yes', 1_000, 1_300), word('is', 1_900, 2_100), word('No', 8_000, 8_200)],
  });
  t.strictSame(long, [
    { startMs: 1_000, endMs: 2_100, text: '“Yes, it is.”' },
    { startMs: 8_000, endMs: 8_200, text: 'No!' },
  ]);
});

t.test('WA10: a segment is listed when nothing in it can change', async (t) => {
  const captions = live();
  captions.heard(SEGMENT_MS);
  t.strictSame(listed(captions), [], 'an utterance may have begun just before');
  captions.heard(2 * SEGMENT_MS + 1_500);
  t.strictSame(listed(captions), [0, 1]);
  captions.open(0, 2 * SEGMENT_MS + 500);
  captions.heard(6 * SEGMENT_MS);
  t.strictSame(listed(captions), [0, 1], 'not while it is spoken');
  captions.settle(0, said('Hello there.', 2 * SEGMENT_MS + 500, 3 * SEGMENT_MS + 500));
  t.strictSame(listed(captions), [0, 1, 2, 3, 4]);
  t.match(captions.segment(2, 0), 'Hello there.');
  t.match(captions.segment(3, 0), 'Hello there.', 'a cue stands in every segment that it touches');
  t.notMatch(captions.segment(4, 0), 'Hello');
  t.equal(captions.segment(5, 0), undefined);
  captions.open(1, 5 * SEGMENT_MS);
  captions.settle(1);
  captions.heard(7 * SEGMENT_MS);
  t.strictSame(listed(captions), [0, 1, 2, 3, 4, 5], 'a segment that could not be recognised holds up nothing');
});

t.test('WA10: words that come late are moved to what is not yet listed', async (t) => {
  const captions = live();
  captions.heard(3 * SEGMENT_MS + 1_000);
  const before = captions.segment(2, 0);
  captions.settle(0, said('Late.', 2 * SEGMENT_MS + 100, 3 * SEGMENT_MS + 500));
  t.equal(captions.segment(2, 0), before, 'a listed segment never changes');
  captions.end();
  t.match(captions.segment(3, 0), /00:00:12\.000 --> 00:00:12\.500\nLate\.\n/);
});

t.test('WA9: the window rolls, the file keeps everything, both are bounded', async (t) => {
  const captions = live();
  for (let id = 0; id < 100; id++) {
    captions.settle(id, said(`Line ${id}.`, id * SEGMENT_MS + 100, id * SEGMENT_MS + 900));
    captions.heard((id + 1) * SEGMENT_MS);
  }
  const window = listed(captions);
  t.equal(window.length, WINDOW_SEGMENTS);
  t.match(captions.playlist(), `#EXT-X-MEDIA-SEQUENCE:${window[0]}\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:0`);
  t.equal(captions.segment((window[0] ?? 0) - WINDOW_SEGMENTS - 1, 0), undefined);
  t.match(captions.segment(window[0] ?? 0, 0), `Line ${window[0]}.`);
  t.match(captions.document, /^WEBVTT\n\n00:00:00\.100 --> 00:00:00\.900\nLine 0\.\n/);
  t.match(captions.document, 'Line 99.');
  for (let id = 0; id < CUES_MAX + 50; id++) captions.settle(id, said('More.', 500_000 + id, 500_001 + id));
  t.equal(captions.document.match(/-->/g)?.length, CUES_MAX);
  t.notMatch(captions.document, 'Line 0.');
  captions.end();
  t.match(captions.playlist('?mpegts=1'), /\.vtt\?mpegts=1\n#EXT-X-ENDLIST\n$/);
});
