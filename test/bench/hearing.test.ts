// The parts of the hearing bench that measure: noises, loops, the curve's picture.
import t from 'tap';
import { curvePlot } from '../../bench/src/hearing/curve-plot.js';
import { curveSettings } from '../../bench/src/hearing/curve.js';
import { copiesInARow, isLoop } from '../../bench/src/hearing/loops.js';
import { atLevel, NOISES, noiseStretches } from '../../bench/src/hearing/noises.js';

const levelOf = (samples: Float32Array): number =>
  10 * Math.log10(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);

t.test('noises: the same seed gives the same, every kind at its level', async (t) => {
  const [once, again] = [0, 1].map(() => [...noiseStretches(1, 2, 7)]);
  t.equal(once?.length, 30);
  t.same(once?.[4]?.samples, again?.[4]?.samples);
  for (const { kind, levelDb, samples } of once ?? []) {
    t.ok(
      samples.every((value) => Math.abs(value) <= 1),
      kind,
    );
    if (kind !== 'clicks' && kind !== 'breath') t.ok(Math.abs(levelOf(samples) - levelDb) < 1, `${kind} ${levelDb}`);
  }
  t.ok(Object.keys(NOISES).length >= 10);
  t.same(atLevel(new Float32Array(4), -20), new Float32Array(4), 'silence stays silent');
});

t.test('loops: what is repeated more often than it was said', async (t) => {
  t.equal(copiesInARow([]), 0);
  t.equal(copiesInARow(['a', 'b']), 1);
  t.equal(copiesInARow(['x', 'a', 'b', 'a', 'b', 'a', 'b', 'a']), 3);
  t.ok(isLoop('I am going to, I am going to, I am going to, I am going to', 'I am going home', 'en'));
  t.notOk(isLoop('No, no, no!', 'no', 'en'), 'three times is speech');
  t.notOk(isLoop('house house house house', 'house house house house', 'en'), 'it was said');
  t.ok(isLoop('谢谢谢谢谢谢谢谢', '谢谢', 'zh'));
});

t.test('the curve has a point for every policy, and its picture is whole', async (t) => {
  const settings = curveSettings([200, 400], [500, 300]);
  t.equal(settings.length, 10);
  const points = settings.map((setting, at) => ({
    ...setting,
    p50Ms: 500 + at,
    p95Ms: 900,
    corrected: 0.01,
    revised: 0.2,
  }));
  const svg = curvePlot(points, 'a model');
  t.equal(svg.match(/<circle/g)?.length, 10);
  t.equal(svg.match(/stroke-dasharray/g)?.length, 3);
  t.notMatch(svg, /NaN|undefined/);
});
