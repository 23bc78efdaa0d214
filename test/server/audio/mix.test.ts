import t, { type Test } from 'tap';
import { mix } from '../../../server/src/audio/mix.js';

const tone = (level: number): Float32Array => Float32Array.from({ length: 480 }, (_, at) => level * Math.sin(at / 7));
const peak = (samples: Float32Array): number => Math.max(...samples.map(Math.abs));
const near = (t: Test, got: number, wanted: number, what: string): void => {
  t.ok(Math.abs(got - wanted) < 0.002, `${what}: ${got}`);
};

t.test('one channel is itself, two are their mean', async (t) => {
  const left = tone(0.4);
  t.equal(mix([left], 'surround'), left);
  near(t, peak(mix([left, tone(0.2)], 'surround')), 0.3, 'the mean');
  near(t, peak(mix([left, tone(0)], 'surround')), 0.2, 'one side alone');
  t.equal(peak(mix([tone(0), tone(0)], 'surround')), 0);
});

t.test('a mix that cancels itself is not taken', async (t) => {
  near(t, peak(mix([tone(0.4), tone(-0.4)], 'surround')), 0.4, 'upside down');
  near(t, peak(mix([tone(-0.2), tone(0.3)], 'any')), 0.3, 'the louder one');
});

t.test('5.1 and 7.1 as ITU-R BS.775 mixes them, without the low-frequency channel', async (t) => {
  const alone = (count: number, number: number): number =>
    peak(
      mix(
        Array.from({ length: count }, (_, at) => tone(at === number ? 0.4 : 0)),
        'surround',
      ),
    );
  for (const count of [6, 8]) {
    near(t, alone(count, 0), 0.4 * 0.5, 'left');
    near(t, alone(count, 2), 0.4 * Math.SQRT1_2, 'centre');
    t.equal(alone(count, 3), 0);
    near(t, alone(count, count - 1), 0.4 * Math.SQRT1_2 * 0.5, 'surround');
  }
  t.equal(
    peak(
      mix(
        Array.from({ length: 6 }, () => tone(1)),
        'surround',
      ),
    ),
    1,
    'clipped',
  );
});

t.test('channels of microphones are their mean, all of them', async (t) => {
  near(
    t,
    peak(
      mix(
        Array.from({ length: 6 }, (_, at) => tone(at === 3 ? 0.6 : 0)),
        'any',
      ),
    ),
    0.1,
    'the fourth',
  );
  near(
    t,
    peak(
      mix(
        Array.from({ length: 12 }, () => tone(0.6)),
        'surround',
      ),
    ),
    0.6,
    'so many are no film',
  );
});
