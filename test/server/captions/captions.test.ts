// Captions as they are read: lines, cues, WebVTT, and the rolling playlist of a live session.
import * as fc from 'fast-check';
import stringWidth from 'string-width';
import t from 'tap';
import { CAPTION_COLUMNS, captionLines } from '../../../server/src/captions/caption-lines.js';
import { cuesOf } from '../../../server/src/captions/cues.js';
import { CUES_MAX, LiveCaptions, SEGMENT_MS, WINDOW_SEGMENTS } from '../../../server/src/captions/live-captions.js';

const live = (): LiveCaptions => new LiveCaptions({ wallNow: () => Date.UTC(2026, 0, 1) });
const said = (text: string, startMs: number, endMs: number) => ({ text, startMs, endMs });
const listed = (captions: LiveCaptions): number[] =>
  [...captions.playlist().matchAll(/segments\/(\d+)\.vtt/g)].map(([, index]) => Number(index));

t.test('lines are about equally long, and words stay whole', async (t) => {
  const text = 'Ask not what your country can do for you, ask what you can do.';
  t.strictSame(captionLines(text), ['Ask not what your country can do', 'for you, ask what you can do.']);
  t.strictSame(captionLines('今天天气很好，我们去公园散步，然后一起吃晚饭吧，好不好呢？'), [
    '今天天气很好，我们去公园散步，',
    '然后一起吃晚饭吧，好不好呢？',
  ]);
  t.strictSame(captionLines('short'), ['short']);
  t.strictSame(captionLines(' '), []);
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
