// Recordings of one speaker as one stream.
import t from 'tap';
import type { LoadedRecording } from '../../bench/src/audio/playlist.js';
import { speakerStreams } from '../../bench/src/audio/speaker-streams.js';

const recording = (id: string, seconds: number, speaker?: string): LoadedRecording => ({
  id,
  path: '',
  language: 'en',
  speaker,
  text: id,
  words: [],
  utterances: [],
  samples: new Float32Array(seconds * 16_000).fill(1),
});

t.test('recordings of a speaker are joined with pauses, up to a minute; others stay alone', async (t) => {
  const all = [
    recording('a', 25, 'ann'),
    recording('b', 2, 'bob'),
    recording('c', 25, 'ann'),
    recording('d', 25, 'ann'),
  ];
  const streams = speakerStreams([...all, recording('e', 1), recording('f', 1)], 7);
  t.same(
    streams.map(({ text }) => text),
    ['a c', 'd', 'b', 'e', 'f'],
  );
  const [first] = streams;
  const pause = first?.samples.indexOf(0) ?? 0;
  t.equal(pause, 25 * 16_000);
  const seconds = ((first?.samples.indexOf(1, pause) ?? 0) - pause) / 16_000;
  t.ok(seconds >= 0.4 && seconds <= 1.5, `a pause of ${seconds} s`);
  t.same(speakerStreams(all, 7)[0]?.samples.length, first?.samples.length, 'the same seed, the same pauses');
});
