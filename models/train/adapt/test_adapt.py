"""python -m unittest test_adapt: the parts of the recipe, on made-up sound."""
import json
import os
import random
import struct
import tempfile
import unittest

import numpy as np
import torch

from corpus import RATE, Corpus, Writer
from heads import steady
from judge import distance, score, units
from student import CONTEXTS, END_WEIGHT, LANGUAGE_TRUTH, LANGUAGE_WEIGHT, WORD_TRUTH, Batch, batches, context_of, rows_of
from teacher import believed, hold_out, loops
from transcripts import corrected, label
from whisper import Whisper
from windows import KINDS, LONGEST, Plan, Studio, Windows


class Model:
    """As much of a Whisper as making labels and targets needs."""
    device, end, before, positions, is_multilingual = 'cpu', 9, 8, 448, False

    def prompt(self, language):
        return [1, 3, 2] if self.is_multilingual else [1, 2]


class Multilingual(Model):
    is_multilingual = True


def corpus(folder, speakers=6, count=60, seconds=2., text=None):
    writer = Writer(folder)
    rng = np.random.default_rng(0)
    for i in range(count):
        loud = rng.standard_normal(int(seconds * RATE / 2)) * 5000
        quiet = rng.standard_normal(int(seconds * RATE / 2)) * 50
        writer.add(np.concatenate([loud, quiet]).astype(np.int16), 'en', f'speaker {i % speakers}', text)
    writer.close()


class Composed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            corpus(folder, count=8)
            cls.studio = Studio(folder, range(8), 'cpu', silent=4)

    def test_windows_are_sound_that_fits_and_end_in_digital_silence(self):
        made = self.studio.windows(12)
        self.assertEqual((made.samples.dtype, made.samples.shape), (torch.int16, (12, 30 * RATE)))
        self.assertEqual(sorted(made.lengths), list(made.lengths))
        for kind, samples, length in zip(made.kinds, made.samples, made.lengths):
            self.assertTrue(.25 * RATE <= length <= LONGEST, f'{kind} {length}')
            self.assertEqual(int(samples[length:].abs().max()), 0)
            self.assertTrue(kind == 'nothing' or samples[:length].float().std() > 0, kind)

    def test_every_kind_can_be_planned_and_none_twice(self):
        for kind in KINDS:
            plans = [self.studio.plan(kind, 'en') for _ in range(8)]
            self.assertGreater(len({plan.length for plan in plans}), 4, kind)
            self.assertTrue(all(a + n <= plan.length for plan in plans for _, n, a, _ in plan.pieces), kind)

    def test_a_room_is_as_loud_as_the_quiet_parts(self):
        self.assertLess(abs(20 * np.log10(float(self.studio.levels[0]) / 50)), 3)

    def test_speech_is_put_where_it_belongs_as_it_was(self):
        plan = Plan('nothing', 'en', 3 * RATE, -1, [(0, RATE, RATE, 1.)])
        made = self.studio.compose([plan])[0]
        self.assertTrue(torch.equal(made[RATE:2 * RATE], self.studio.samples[:RATE]))
        self.assertEqual(int(made[:RATE].abs().max()) + int(made[2 * RATE:].abs().max()), 0)

    def test_another_speed_shifts_the_pitch(self):
        tone = (np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 9000).astype(np.int16)
        self.studio.samples[:RATE] = torch.from_numpy(tone)
        made = self.studio.compose([Plan('nothing', 'en', RATE // 2, -1, [(0, RATE // 2, 0, 1.1)])])[0]
        peak = int(np.abs(np.fft.rfft(made.numpy())).argmax()) * 2
        self.assertEqual(peak, 484)


class Labels(unittest.TestCase):
    def test_loops_are_found(self):
        self.assertTrue(loops([1, 2, 3] * 4))
        self.assertFalse(loops([1, 2, 3] * 3 + [4]))

    def test_an_invented_first_half_second_is_nothing(self):
        self.assertEqual(believed(Model, 'en', RATE // 2, [1] * 8 + [9], True, -.5), [9])
        self.assertEqual(believed(Model, 'en', RATE // 2, [1, 2, 9], True, -.5), [1, 2, 9])

    def test_text_without_an_end_is_not_believed(self):
        self.assertIsNone(believed(Model, 'en', 5 * RATE, [1, 2], False, -.1))

    def test_contexts_hold_the_window(self):
        rng = random.Random(0)
        for seconds in (.5, 1.9, 7, 21, 29):
            for _ in range(50):
                self.assertGreaterEqual(context_of(int(seconds * RATE), rng), seconds)
                self.assertIn(context_of(int(seconds * RATE), rng), CONTEXTS)

    def test_every_window_with_a_label_is_in_one_batch(self):
        found = batches([RATE] * 300 + [9 * RATE] * 40, [[9]] * 339 + [None], random.Random(0), 640)
        self.assertEqual(sorted(i for _, rows in found for i in rows), list(range(339)))
        self.assertTrue(all(len(rows) <= rows_of(context, 640) for context, rows in found))

    def test_a_batch_points_at_the_words_and_weighs_the_end(self):
        made = Windows(['whole', 'nothing', 'whole'], ['en'] * 3, None, np.array([RATE] * 3), [None] * 3)
        batch = Batch(2, 4, 'cpu')
        batch.fill(Model(), made, [[5, 6, 9], [9], [7, 9]], [True, False, False], [0, 1], {}, random.Random(0))
        places = batch.weight > 0
        length = batch.tokens.shape[1]
        self.assertEqual(batch.at[places].tolist(), [1, 2, 3, length + 1])
        self.assertEqual(batch.wanted[places].tolist(), [5, 6, 9, 9])
        self.assertEqual(batch.weight[places].tolist(), [1, 1, END_WEIGHT, END_WEIGHT])
        self.assertEqual(batch.tokens[0, :4].tolist(), [1, 2, 5, 6])
        self.assertEqual(batch.taught[places].tolist(), [1, 1, 1, 0])
        self.assertEqual(batch.spoken.tolist(), [True, False, False, False])
        batch.fill(Model(), made, [[5, 6, 9], [9], [7, 9]], [True, False, False], [2], {}, random.Random(0))
        places = batch.weight > 0
        self.assertEqual((batch.taught[places].tolist(), batch.truth[places].tolist(), batch.spoken.tolist()[0]), ([0, 0], [1, 1], True))

    def test_of_speech_the_language_is_a_word_too(self):
        made = Windows(['whole', 'nothing', 'whole'], ['en'] * 3, None, np.array([RATE] * 3), [None] * 3)
        batch = Batch(2, 4, 'cpu')
        batch.fill(Multilingual(), made, [[5, 9], [9], [7, 9]], [True, True, False], [0, 1, 2], {}, random.Random(0))
        places, length = batch.weight > 0, batch.tokens.shape[1]
        self.assertEqual(batch.at[places].tolist(), [0, 2, 3, length + 2, 2 * length, 2 * length + 2, 2 * length + 3])
        self.assertEqual(batch.wanted[places].tolist(), [3, 5, 9, 9, 3, 7, 9])
        self.assertEqual(batch.weight[places].tolist(), [LANGUAGE_WEIGHT, 1, END_WEIGHT, END_WEIGHT, LANGUAGE_WEIGHT, 1, END_WEIGHT])
        self.assertEqual(batch.taught[places].tolist(), [1, 1, 1, 0, 1, 0, 0])
        self.assertEqual([round(x, 3) for x in batch.truth[places].tolist()], [LANGUAGE_TRUTH, WORD_TRUTH, WORD_TRUTH, 1, LANGUAGE_TRUTH, 1, 1])


class Transcripts(unittest.TestCase):
    def test_wrong_words_are_put_right_and_marks_stay(self):
        self.assertEqual(corrected(' We call it beer, Tom.', 'we call it bear tom', 'en'), (' We call it bear, Tom.', .2))
        self.assertEqual(corrected(' I want to go home.', 'I WANT TO GO HOME NOW', 'en')[0], ' I want to go home now.')
        self.assertEqual(corrected(' The the cat sat.', 'The cat sat.', 'en')[0], ' The cat sat.')
        self.assertEqual(corrected(' cat sat.', 'The cat sat.', 'en')[0], ' The cat sat.')
        self.assertEqual(corrected('設定溫度都。', '设定温度', 'zh')[0], '设定温度。')

    def test_words_stay_parted_as_they_were(self):
        self.assertEqual(corrected(' Good morning, how are you?', 'goodmorning how are we', 'en'), (' Good morning, how are we?', .2))
        self.assertEqual(corrected(' Good morning, computer.', 'um goodmorning computer', 'en')[0], ' Um Good morning, computer.')
        self.assertEqual(corrected(' Um, goodmorning, Tom.', 'um good morning tim', 'en')[0], ' Um, goodmorning, Tim.')
        self.assertEqual(corrected(' A new one anew.', 'a new one anew', 'en'), (' A new one anew.', 0))

    def test_numbers_stay_as_they_were_said(self):
        self.assertEqual(corrected(' 0 3 5 1', 'Zero three five one.', 'en'), (' 0 3 5 1', 0))
        self.assertEqual(corrected('设定29度', '设定二十九度', 'zh'), ('设定29度', 0))

    def test_where_a_sure_teacher_and_the_transcript_disagree_nobody_is_believed(self):
        self.assertIsNone(label(' Good morning to you.', -.1, 'Close the window now', 'en'))
        self.assertEqual(label(' Good mourning.', -.1, 'Good morning', 'en'), (' Good morning.', False))
        self.assertEqual(label(' Good morning.', -.1, 'good morning', 'en'), (' Good morning.', True))
        self.assertEqual(label(None, -2, 'Close the window.', 'en'), (' Close the window.', False))

    def test_a_window_has_a_transcript_where_all_of_it_is_heard(self):
        with tempfile.TemporaryDirectory() as folder:
            corpus(folder, count=8, text='word')
            studio = Studio(folder, range(8), 'cpu', silent=4)
        for _ in range(8):
            whole, joined = studio.plan('whole', 'en'), studio.plan('joined', 'en')
            self.assertEqual(whole.transcript, 'word')
            self.assertEqual(joined.transcript, ' '.join(['word'] * len(joined.pieces)))
            self.assertIsNone(studio.plan('start', 'en').transcript)
            self.assertIsNone(studio.plan('nothing', 'en').transcript)


class Corpora(unittest.TestCase):
    def test_whole_speakers_are_held_out(self):
        with tempfile.TemporaryDirectory() as folder:
            writer = Writer(folder)
            for i in range(60):
                writer.add(np.full(100 + i, i, np.int16), 'en', f'speaker {i % 6}')
            writer.close()
            made = Corpus(folder)
            self.assertTrue((made.audio(7) == 7).all() and len(made.audio(7)) == 107)
            training, held_out = hold_out(folder)
            of = lambda rows: {made.rows[i]['speaker'] for i in rows}
            self.assertFalse(of(training) & of(held_out))
            self.assertEqual(sorted(training + held_out), list(range(60)))

    def test_of_a_speaker_who_is_most_of_a_language_the_last_recordings_are_held_out(self):
        with tempfile.TemporaryDirectory() as folder:
            corpus(folder, speakers=1, count=50, seconds=.1)
            self.assertEqual(hold_out(folder)[1], [47, 48, 49])


class Weights(unittest.TestCase):
    def test_packed_matrices_are_read_as_what_they_were(self):
        with tempfile.TemporaryDirectory() as folder:
            parts = {
                'model.fc.weight_int8': np.array([[1, -2, 3], [4, 5, -6]], np.int8),
                'model.fc.weight_scale': np.array([.5, 1, 2], np.float32),
                'model.fc.bias': np.array([1, 2, 3], np.float16),
            }
            header, data = {}, b''
            for name, values in parts.items():
                kind = {'int8': 'I8', 'float32': 'F32', 'float16': 'F16'}[values.dtype.name]
                header[name] = {'dtype': kind, 'shape': list(values.shape), 'data_offsets': [len(data), len(data) + values.nbytes]}
                data += values.tobytes()
            text = json.dumps(header).encode()
            with open(os.path.join(folder, 'model.safetensors'), 'wb') as file:
                file.write(struct.pack('<Q', len(text)) + text + data)
            model = Whisper.__new__(Whisper)
            model.folder, model.device = folder, 'cpu'
            weights = model.load()
        self.assertEqual(sorted(weights), ['fc.bias', 'fc.weight'])
        self.assertEqual(weights['fc.weight'].tolist(), [[.5, 2], [-2, 5], [6, -12]])


class Judged(unittest.TestCase):
    def test_the_worst_language_counts_as_much_as_the_mean(self):
        self.assertEqual(score({'en': 2, 'de': 10}, 0, 0), 8)
        self.assertGreater(score({'en': 2}, 3, 1), score({'en': 2}, 0, 0) + 1)

    def test_heads_that_look_elsewhere_are_left_out(self):
        self.assertEqual(steady({(3, 1): .9, (4, 2): .8, (5, 4): .3}), [[3, 1], [4, 2]])

    def test_units_and_distance(self):
        self.assertEqual(units("It's 5, isn't it?", 'en'), ["it's", '5', "isn't", 'it'])
        self.assertEqual(units('你好,世界', 'zh'), list('你好世界'))
        self.assertEqual(distance('kitten', 'sitting'), 3)


if __name__ == '__main__':
    unittest.main()
