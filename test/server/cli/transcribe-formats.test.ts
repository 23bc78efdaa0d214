// Transcripts as files: every format, and cues that can be read.
import t from 'tap';
import { cuesOf, type TranscriptSegment } from '../../../server/src/captions/cues.js';
import { formatTranscript } from '../../../server/src/captions/transcript-formats.js';

/** A segment whose words follow each other evenly. */
function spoken(text: string, words: readonly string[], startMs = 0, wordMs = 400): TranscriptSegment {
  const timed = words.map((word, index) => ({
    text: word,
    startMs: startMs + index * wordMs,
    endMs: startMs + (index + 1) * wordMs - 20,
    confidence: 1,
  }));
  return { text, startMs, endMs: startMs + words.length * wordMs, words: timed };
}

const SEGMENTS: TranscriptSegment[] = [
  spoken('Hello <b>& you.', ['Hello', '<b>&', 'you.'], 500),
  { text: '', startMs: 2_000, endMs: 3_000 },
  { text: ' No words here. ', startMs: 3_600_000 + 61_001.4, endMs: 3_600_000 + 62_000 },
];

t.test('txt is a line for each segment with words', async (t) => {
  t.equal(formatTranscript('txt', SEGMENTS), 'Hello <b>& you.\nNo words here.\n');
  t.equal(formatTranscript('txt', []), '');
});

t.test('json has the text and the segments', async (t) => {
  t.match(JSON.parse(formatTranscript('json', SEGMENTS)), {
    text: 'Hello <b>& you. No words here.',
    segments: [{ startMs: 500, words: [{ text: 'Hello' }, {}, {}] }, { startMs: 3_661_001.4 }],
  });
});

t.test('srt numbers its cues and has commas', async (t) => {
  t.equal(
    formatTranscript('srt', SEGMENTS),
    '1\n00:00:00,500 --> 00:00:01,680\nHello <b>& you.\n\n2\n01:01:01,001 --> 01:01:02,000\nNo words here.\n\n',
  );
});

t.test('vtt escapes what would be markup', async (t) => {
  t.equal(
    formatTranscript('vtt', SEGMENTS),
    'WEBVTT\n\n00:00:00.500 --> 00:00:01.680\nHello &lt;b&gt;&amp; you.\n\n01:01:01.001 --> 01:01:02.000\nNo words here.\n',
  );
  t.equal(formatTranscript('vtt', []), 'WEBVTT\n');
});

t.test('where each channel is a speaker, texts and subtitles name it', async (t) => {
  const said: TranscriptSegment[] = [
    { ...spoken('One, two.', ['One,', 'two.']), channel: 0 },
    { ...spoken('Speaker 3?', ['Speaker', '3?'], 2_000), channel: 1 },
  ];
  t.equal(formatTranscript('txt', said), 'Speaker 1: One, two.\nSpeaker 2: Speaker 3?\n');
  t.match(
    formatTranscript('srt', said),
    /^1\n00:00:00,000 --> .*\nSpeaker 1: One, two\.\n\n2\n00:00:02,000 --> .*\nSpeaker 2: Speaker 3\?\n\n$/,
  );
  t.match(formatTranscript('vtt', said), /<v Speaker 1>One, two\.\n[^]*<v Speaker 2>Speaker 3\?\n/);
  t.equal(
    formatTranscript('tsv', said),
    'start\tend\tspeaker\ttext\n0\t800\tSpeaker 1\tOne, two.\n2000\t2800\tSpeaker 2\tSpeaker 3?\n',
  );
  t.match(JSON.parse(formatTranscript('json', said)), { text: 'One, two. Speaker 3?', segments: [{ channel: 0 }, {}] });
  const long = Array.from({ length: 40 }, (_, index) => `word${index}`);
  for (const cue of formatTranscript('srt', [{ ...spoken(long.join(' '), long), channel: 0 }]).split('\n\n')) {
    t.ok(cue.split('\n').length <= 4, 'two lines, with the name');
  }
});

t.test('a long segment becomes cues of two lines and seven seconds at most, and no word is lost', async (t) => {
  const words = Array.from({ length: 60 }, (_, index) => `word${index}`);
  const text = words.join(' ');
  const cues = cuesOf(spoken(text, words));
  t.equal(cues.map((cue) => cue.text).join(' '), text);
  for (const [index, cue] of cues.entries()) {
    t.ok(cue.text.length <= 84 && cue.endMs - cue.startMs <= 7_000, `cue ${index}`);
    t.ok(cue.startMs >= (cues[index - 1]?.endMs ?? 0));
  }
});

t.test('a cue ends with its sentence', async (t) => {
  const text = 'This is one sentence. And this is another.';
  t.strictSame(
    cuesOf(spoken(text, text.split(' '))).map((cue) => cue.text),
    ['This is one sentence.', 'And this is another.'],
  );
});

t.test('SP8: words of a script without spaces are joined as the text joins them', async (t) => {
  const text = '今天天气很好，我们去公园。';
  const words = ['今', '天', '天', '气', '很', '好，', '我', '们', '去', '公', '园。'];
  t.strictSame(cuesOf(spoken(text, words)), [{ startMs: 0, endMs: 11 * 400 - 20, text }]);
  const strange = { ...spoken(text, [...words.slice(0, 10), '原']), text };
  t.strictSame(
    cuesOf(strange).map((cue) => cue.text),
    [text],
    'a word that is not in the text costs no text',
  );
});
