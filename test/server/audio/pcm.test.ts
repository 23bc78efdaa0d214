// Raw samples: the four encodings of the wire, mixing, and what is refused.
import * as fc from 'fast-check';
import t from 'tap';
import { AudioChunkError } from '../../../server/src/audio/audio-errors.js';
import { ALAW, MULAW } from '../../../server/src/audio/g711.js';
import { bytesPerSample, decodePcm, type PcmEncoding } from '../../../server/src/audio/pcm.js';

/** The sum of a table's absolute values, 16-bit units. */
function total(table: Float32Array): number {
  return table.reduce((sum, value) => sum + Math.abs(value) * 32_768, 0);
}

/** The first sample that bytes stand for. */
function first(encoding: PcmEncoding, bytes: readonly number[]): number | undefined {
  return decodePcm(Uint8Array.from(bytes), { encoding, channels: 1 })[0];
}

t.test('G.711: the codes of the tables have their values (16-bit units, as libsndfile expands them)', async (t) => {
  const codes = [0, 1, 15, 16, 42, 85, 127, 128, 170, 213, 255];
  const mulaw = [-32124, -31100, -16764, -15996, -5372, -716, 0, 32124, 5372, 716, 0];
  const alaw = [-5504, -5248, -6784, -2752, -32256, -8, -848, 5504, 32256, 8, 848];
  t.strictSame(
    codes.map((code) => (MULAW[code] ?? NaN) * 32_768 + 0),
    mulaw,
  );
  t.strictSame(
    codes.map((code) => (ALAW[code] ?? NaN) * 32_768),
    alaw,
  );
  t.equal(total(MULAW), 1_532_928);
  t.equal(total(ALAW), 1_564_672);
});

t.test('16-bit samples keep their value, at any alignment', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -32_768, max: 32_767 })), fc.nat(3), (values, shift) => {
      const bytes = Buffer.alloc(shift + values.length * 2);
      values.forEach((value, at) => bytes.writeInt16LE(value, shift + at * 2));
      const samples = decodePcm(bytes.subarray(shift), { encoding: 'pcm_s16le', channels: 1 });
      return samples.length === values.length && values.every((value, at) => samples[at] === value / 32_768);
    }),
  );
  t.pass('held for random samples');
});

t.test('24-bit, 32-bit, 8-bit and double samples are scaled to -1..1', async (t) => {
  t.equal(first('pcm_s24le', [0, 0, 0x80]), -1);
  t.equal(first('pcm_s24le', [0xff, 0xff, 0xff]), Math.fround(-1 / 8_388_608));
  t.equal(first('pcm_s32le', [0, 0, 0, 0x40]), 0.5);
  t.equal(first('pcm_u8', [0]), -1);
  t.equal(first('pcm_u8', [128]), 0);
  t.equal(first('pcm_f64le', [...new Uint8Array(Float64Array.of(0.25).buffer)]), 0.25);
});

t.test('samples go into the room that is given, over what lay there, if it is large enough', async (t) => {
  const room = new Float32Array(4).fill(9);
  const bytes = new Uint8Array([0, 0x00, 0x40, 0x00, 0xc0, 0x00, 0x40, 0x00, 0xc0]).subarray(1);
  const mono = decodePcm(bytes, { encoding: 'pcm_s16le', channels: 1 }, room);
  t.same([...mono], [0.5, -0.5, 0.5, -0.5]);
  t.equal(mono.buffer, room.buffer);
  const stereo = decodePcm(bytes, { encoding: 'pcm_s16le', channels: 2 }, room);
  t.same([...stereo], [0, 0]);
  t.equal(stereo.buffer, room.buffer);
  t.not(decodePcm(bytes, { encoding: 'pcm_s16le', channels: 1 }, new Float32Array(3)).buffer, room.buffer);
});

t.test('channels are mixed to their mean', async (t) => {
  const interleaved = Float32Array.of(1, 0, -0.5, 0.25, 0.5, 0.5);
  const mono = decodePcm(new Uint8Array(interleaved.buffer), { encoding: 'pcm_f32le', channels: 2 });
  t.strictSame([...mono], [0.5, -0.125, 0.5]);
  t.equal(bytesPerSample({ encoding: 'pcm_f32le', channels: 2 }), 8);
});

t.test('floats beyond full scale are clipped', async (t) => {
  const loud = new Uint8Array(Float32Array.of(3e30, -7, 0.5).buffer);
  t.strictSame([...decodePcm(loud, { encoding: 'pcm_f32le', channels: 1 })], [1, -1, 0.5]);
});

t.test('NaN and infinities are refused as invalid_samples, with the time they stand for', async (t) => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    for (const at of [0, 1, 5]) {
      const samples = new Float32Array(6);
      samples[at] = bad;
      const refuse = () => decodePcm(new Uint8Array(samples.buffer), { encoding: 'pcm_f32le', channels: 2 });
      const error = t.throws(refuse) as AudioChunkError;
      t.type(error, AudioChunkError);
      t.match(error, { code: 'invalid_samples', samples: 3 });
    }
  }
});

t.test('a part of a sample is refused as odd_byte_count', async (t) => {
  t.throws(() => decodePcm(new Uint8Array(7), { encoding: 'pcm_s16le', channels: 2 }), {
    code: 'odd_byte_count',
    samples: 1,
    message: '7 bytes are not a whole number of 4-byte samples.',
  });
});

t.test('any bytes in a one-byte encoding are samples in -1..1', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.constantFrom<PcmEncoding>('mulaw', 'alaw', 'pcm_u8'), (bytes, encoding) => {
      return decodePcm(bytes, { encoding, channels: 1 }).every((sample) => Math.abs(sample) <= 1);
    }),
  );
  t.pass('held for random bytes');
});
