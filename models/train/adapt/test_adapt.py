"""python -m unittest test_adapt: the parts of the recipe, on made-up sound."""
import json
import os
import tempfile
import unittest

import numpy as np
import torch

import windows as made
from corpus import Corpus, RATE, Writer
from judge import distance, units
from student import CONTEXTS, context_of
from teacher import believed, hold_out, loops, wave


class Model:
    end = 9


class Windows(unittest.TestCase):
    def test_every_kind_is_sound_that_fits(self):
        clip = (np.random.default_rng(0).standard_normal(3 * RATE) * 2000).astype(np.int16)
        for kind in made.KINDS:
            for seed in range(8):
                window = made.window(kind, lambda: clip, np.random.default_rng(seed))
                self.assertEqual(window.dtype, np.int16)
                self.assertTrue(.25 * RATE <= len(window) <= made.LONGEST, f'{kind} {len(window)}')

    def test_room_is_as_loud_as_the_quiet_parts(self):
        rng = np.random.default_rng(1)
        clip = np.concatenate([rng.standard_normal(RATE) * 5000, rng.standard_normal(RATE) * 50]).astype(np.int16)
        self.assertLess(abs(20 * np.log10(made.room(clip, RATE, rng).std() / 50)), 3)


class Labels(unittest.TestCase):
    def test_loops_are_found(self):
        self.assertTrue(loops([1, 2, 3] * 4))
        self.assertFalse(loops([1, 2, 3] * 3 + [4]))

    def test_an_invented_first_half_second_is_nothing(self):
        short = ('start', 'en', np.zeros(RATE // 2, np.int16))
        self.assertEqual(believed(Model, short, [1] * 8 + [9], True, -.5), [9])
        self.assertEqual(believed(Model, short, [1, 2, 9], True, -.5), [1, 2, 9])

    def test_text_without_an_end_is_not_believed(self):
        self.assertIsNone(believed(Model, ('whole', 'en', np.zeros(5 * RATE, np.int16)), [1, 2], False, -.1))

    def test_padding_keeps_the_samples(self):
        padded = wave([np.array([16384, -16384], np.int16), np.array([1], np.int16)], 1, 'cpu')
        self.assertEqual(padded.shape, (2, RATE))
        self.assertTrue(torch.equal(padded[0, :3], torch.tensor([.5, -.5, 0])))

    def test_contexts_hold_the_window(self):
        import random
        rng = random.Random(0)
        for seconds in (.5, 1.9, 7, 21, 29):
            for _ in range(50):
                self.assertGreaterEqual(context_of(np.zeros(int(seconds * RATE)), rng), seconds)
                self.assertIn(context_of(np.zeros(int(seconds * RATE)), rng), CONTEXTS)


class Corpora(unittest.TestCase):
    def test_whole_speakers_are_held_out(self):
        with tempfile.TemporaryDirectory() as folder:
            writer = Writer(folder)
            for i in range(60):
                writer.add(np.full(100 + i, i, np.int16), 'en', f'speaker {i % 6}')
            writer.close()
            corpus = Corpus(folder)
            self.assertTrue((corpus.audio(7) == 7).all() and len(corpus.audio(7)) == 107)
            training, held_out = hold_out(folder)
            of = lambda rows: {corpus.rows[i]['speaker'] for i in rows}
            self.assertFalse(of(training) & of(held_out))
            self.assertEqual(sorted(training + held_out), list(range(60)))


class Errors(unittest.TestCase):
    def test_units_and_distance(self):
        self.assertEqual(units("It's 5, isn't it?", 'en'), ["it's", '5', "isn't", 'it'])
        self.assertEqual(units('你好,世界', 'zh'), list('你好世界'))
        self.assertEqual(distance('kitten', 'sitting'), 3)


if __name__ == '__main__':
    unittest.main()
