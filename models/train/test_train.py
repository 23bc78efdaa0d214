"""Tests of the recipe's pure parts; run with `python -m pytest models/train` from the repository root."""

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor

from models.train import nonspeech
from models.train.corpus import BATCH_SECONDS, BUCKETS
from models.train.judge import errors
from models.train.logmel import RATE, WARPS, LogMel
from models.train.muon import orthogonal
from models.train.shards import spelled
from models.train.synth.espeak import _plain
from models.train.text import ExcludedTexts, as_sentence, held_out


def test_log_mel_is_whispers() -> None:
    samples = np.random.default_rng(0).standard_normal(30 * RATE).astype(np.float32) * 0.1
    samples[10 * RATE :] = 0
    theirs = WhisperFeatureExtractor()(samples, sampling_rate=RATE, return_tensors="pt").input_features
    log_mel, wave = LogMel(torch.device("cpu")), torch.from_numpy(samples)[None]
    assert (log_mel(wave) - theirs).abs().max() < 1e-5
    assert (log_mel(wave, torch.tensor([WARPS // 2])) - theirs).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("said", "heard", "wrong"),
    [("Mr. Brown's 2 cats", "mister brown's two cats", 0), ("one two three", "one three", 1), ("yes", "yes no no", 2), ("a b", "", 2)],
)
def test_word_edits(said: str, heard: str, wrong: int) -> None:
    assert errors(said, heard)[0] == wrong


def test_sentences_of_the_tests_are_recognised() -> None:
    tests = ExcludedTexts(["We speak out when we feel we should speak out", "Go home"])
    assert tests.contains("Yes, when we feel we should speak, they listen.")
    assert tests.contains("Go home!")
    assert not tests.contains("We speak out when asked.")


def test_one_sentence_in_a_hundred_is_held_out() -> None:
    share = sum(held_out(f"Sentence number {i}.") for i in range(20000)) / 20000
    assert 0.008 < share < 0.012


def test_fragments_become_sentences() -> None:
    assert as_sentence('of the "day,') == "Of the \"day."
    assert as_sentence("...") == "Yes."


def test_characters_of_the_side_task() -> None:
    assert spelled("Twenty-five: $25, O'Neil!") == "twenty five $25 o'neil"


@pytest.mark.parametrize(("name", "plain"), [("_:", "pause"), ("@2", "@"), ("0", "0"), ("3:", "3"), ("u:", "u")])
def test_espeak_phones_lose_their_marks(name: str, plain: str) -> None:
    assert _plain(name) == plain


def test_muon_makes_matrices_nearly_orthogonal() -> None:
    values = torch.linalg.svdvals(orthogonal(torch.randn(3, 32, 64)).float())
    assert values.min() > 0.5 and values.max() < 1.5


def test_every_row_length_fills_a_batch() -> None:
    assert all(BATCH_SECONDS % seconds == 0 for seconds in BUCKETS)


def test_clips_without_speech_are_repeatable_and_of_every_kind() -> None:
    first, again = nonspeech.clips(22), nonspeech.clips(22)
    assert {kind for kind, _ in first} == set(nonspeech.KINDS)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(first, again))
    assert all(RATE <= len(samples) <= 8 * RATE for _, samples in first)
