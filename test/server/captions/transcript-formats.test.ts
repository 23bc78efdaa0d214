// Transcripts as files, whatever was said: they parse back, no word is lost, and lines can be read.
import * as fc from 'fast-check';
import { unzipSync } from 'fflate';
import stringWidth from 'string-width';
import t from 'tap';
import { CAPTION_LINES, columnsOf } from '../../../server/src/captions/caption-lines.js';
import { CUE_MS_MAX, type TranscriptSegment } from '../../../server/src/captions/cues.js';
import { paceCues, readingMs } from '../../../server/src/captions/cues.js';
import { formatTranscript } from '../../../server/src/captions/transcript-formats.js';
import { docxOf } from '../../../server/src/transcripts/docx.js';
import { anyText, holds } from '../../support/property.js';

const word = fc.oneof(
  fc.constantFrom(
    'hello',
    'world.',
    '<i>',
    '&amp;',
    '-->',
    '今天',
    '天气',
    '好。',
    'がんばる',
    '안녕',
    '…',
    '"quoted"',
    '1',
  ),
  fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 }).filter((text) => /^\S+$/u.test(text)),
);
const segments = fc
  .array(
    fc.record({
      words: fc.array(word, { minLength: 1, maxLength: 30 }),
      gapMs: fc.nat({ max: 3_000 }),
      ms: fc.integer({ min: 100, max: 20_000 }),
    }),
    { maxLength: 6 },
  )
  .map((spoken) => {
    let at = 0;
    return spoken.map(({ words, gapMs, ms }): TranscriptSegment => {
      const startMs = at + gapMs;
      at = startMs + ms;
      return { text: words.join(' '), startMs, endMs: at };
    });
  });

interface ParsedCue {
  readonly startMs: number;
  readonly endMs: number;
  readonly lines: readonly string[];
}

const TIMES = /^(\d\d+):(\d\d):(\d\d)[.,](\d{3}) --> (\d\d+):(\d\d):(\d\d)[.,](\d{3})$/;

/** Reads blocks that are set apart by an empty line; those of SubRip begin with their number. */
function parseCues(file: string, isNumbered: boolean): ParsedCue[] {
  const blocks = file.split('\n\n').filter((block) => block.trim() !== '');
  return blocks.map((block, index) => {
    const lines = block.replace(/^\n|\n$/g, '').split('\n');
    if (isNumbered && lines.shift() !== `${index + 1}`) throw new Error(`no number: ${block}`);
    const numbers = TIMES.exec(lines.shift() ?? '')
      ?.slice(1)
      .map(Number);
    if (numbers === undefined) throw new Error(`no times: ${block}`);
    const [h = 0, m = 0, s = 0, ms = 0, h2 = 0, m2 = 0, s2 = 0, ms2 = 0] = numbers;
    return { startMs: ((h * 60 + m) * 60 + s) * 1_000 + ms, endMs: ((h2 * 60 + m2) * 60 + s2) * 1_000 + ms2, lines };
  });
}

function bare(text: string): string {
  return text.replaceAll(/\s/gu, '');
}

function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

t.test('subtitles parse back with every word, in readable lines, one after the other', async (t) => {
  holds(
    t,
    fc.property(segments, (spoken) => {
      const wanted = bare(spoken.map(({ text }) => text).join(''));
      const srt = parseCues(formatTranscript('srt', spoken), true);
      const vtt = parseCues(formatTranscript('vtt', spoken).replace(/^WEBVTT\n/, ''), false);
      for (const cues of [srt, vtt]) {
        const text = cues.flatMap(({ lines }) => lines).join('');
        if (bare(cues === vtt ? unescape(text) : text) !== wanted) throw new Error('words are lost');
        for (const [index, { startMs, endMs, lines }] of cues.entries()) {
          if (endMs <= startMs || startMs + 1 < (cues[index - 1]?.endMs ?? 0)) throw new Error('cues overlap');
          if (lines.length > CAPTION_LINES) throw new Error('too many lines');
          const shown = (cues === vtt ? lines.map(unescape) : lines).map((line) => stringWidth(line));
          if (Math.max(...shown) > columnsOf(lines.join(''))) throw new Error('a line is too wide');
        }
      }
      return true;
    }),
    { numRuns: 60 },
  );
});

t.test('Chinese lines have up to 18 characters', async (t) => {
  const text =
    '今天下午三点我们在会议室讨论明年的预算，请大家提前准备好各自部门的数据，并且把需要增加的人员一起列出来。';
  const lines = parseCues(formatTranscript('srt', [{ text, startMs: 0, endMs: 14_000 }]), true).flatMap(
    (cue) => cue.lines,
  );
  t.ok(lines.length > 2);
  for (const line of lines) t.ok([...line].length <= 18, line);
});

t.test('a cue stands as long as it takes to read, where there is time', async (t) => {
  const cues = [
    { startMs: 0, endMs: 300, text: 'Short.' },
    { startMs: 5_000, endMs: 5_500, text: 'This one has many more words than half a second can hold.' },
    { startMs: 6_500, endMs: 7_000, text: '今天天气很好，我们去公园。' },
  ];
  const [first, second, third] = paceCues(cues);
  t.equal(first?.endMs, 833);
  t.equal(second?.endMs, 6_417, 'until just before the next one');
  t.equal(Math.round(third?.endMs ?? 0), 6_500 + Math.round(13_000 / 9));
  holds(
    t,
    fc.property(segments, (spoken) =>
      paceCues(spoken.map(({ startMs, endMs, text }) => ({ startMs, endMs, text }))).every((cue, index) => {
        const said = spoken[index];
        const next = spoken[index + 1];
        if (said === undefined) return false;
        const isLongEnough = cue.endMs - cue.startMs >= Math.min(CUE_MS_MAX, readingMs(cue.text)) - 1;
        return cue.endMs >= said.endMs && (isLongEnough || next !== undefined);
      }),
    ),
  );
});

t.test('tsv has a row for each segment, whatever is in it', async (t) => {
  holds(
    t,
    fc.property(segments, (spoken) => {
      const rows = formatTranscript(
        'tsv',
        spoken.map((it) => ({ ...it, text: `${it.text}\t\n` })),
      )
        .trimEnd()
        .split('\n');
      return rows.length === spoken.length + 1 && rows.every((row) => row.split('\t').length === 3);
    }),
  );
});

t.test('a Word document is well-formed XML with every word in it', async (t) => {
  holds(
    t,
    fc.property(anyText({ maxLength: 200 }), (text) => {
      const files = unzipSync(docxOf(text, [{ text, startMs: 61_000 }]));
      const xml = Buffer.from(files['word/document.xml'] ?? []).toString();
      const content = xml.replaceAll(/<[^<>]*>/g, '');
      return !/[<>]/.test(content) && !/&(?!amp;|lt;|gt;)/.test(content) && content.includes('00:01:01');
    }),
    { numRuns: 50 },
  );
  const shown = docxOf('Title', [{ text: 'Two\nlines' }]);
  t.match(
    Buffer.from(unzipSync(shown)['word/document.xml'] ?? []).toString(),
    /Two<\/w:t><w:br\/><w:t xml:space="preserve">lines/,
  );
});
