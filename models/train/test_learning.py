"""Tests of what training is fed with and of a few steps on a CPU; run with `python -m pytest models/train` from the repository root."""

import json
import shutil
import time
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
import torch

from models.train import corpus as corpus_module
from models.train.batch import Batcher
from models.train.corpus import BUCKETS, REAL, Corpus
from models.train.export import CONFIG, GENERATION, PREPROCESSOR
from models.train.logmel import RATE, LogMel
from models.train.losses import all_losses
from models.train.model import SideTasks, Whisper
from models.train.shards import ShardWriter
from models.train.synth.espeak import Espeak, UnknownVoice
from models.train.synth.festival import VOICES, Festival
from models.train.synth.voice import Utterance
from models.train.tokenizer import load_tokenizer
from models.train.train import Recipe, optimizers

SHIPPED = Path(__file__).parents[1] / "demo-en"
CPU = torch.device("cpu")
TEXT = "We speak out"


def utterance(seconds: float) -> Utterance:
    """Three words of a rising tone, each a third of the time."""
    t = np.arange(int(seconds * RATE)) / RATE
    third = seconds / 3
    phones = [(phone, k * third, (k + 1) * third) for k, phone in enumerate(("w", "iy", "t"))]
    return Utterance((np.sin(2 * np.pi * (200 + 90 * t) * t) * 9000).astype(np.int16), phones, [(start, end) for _, start, end in phones])


def write_shard(path: Path, kinds: tuple[str, ...] = ("flite", "real")) -> None:
    shard = ShardWriter(load_tokenizer(SHIPPED / "tokenizer.json"))
    for kind in kinds:
        for seconds in BUCKETS:
            said = utterance(seconds - 0.6)
            shard.add(TEXT, said if kind != "real" else Utterance(said.samples, [], []), kind, -1)
    shard.write(path)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    monkeypatch.setattr(corpus_module, "BATCH_SECONDS", 60)
    write_shard(tmp_path / "0.npz")
    made = Corpus(0.2, CPU)
    made.add_new(tmp_path)
    return made


def test_the_recipe_makes_networks_of_the_shipped_shape() -> None:
    for name, content in (("config", CONFIG), ("generation_config", GENERATION), ("preprocessor_config", PREPROCESSOR)):
        assert json.loads((SHIPPED / f"{name}.json").read_text()) == json.loads(json.dumps(content))


@pytest.mark.parametrize("seconds", BUCKETS)
def test_every_utterance_fits_its_row(corpus: Corpus, seconds: int) -> None:
    draw = corpus.draw(np.random.default_rng(seconds), seconds, 0.4, 0.8, 0.25)
    length = np.ceil(corpus.facts[draw.utterance, 1] / draw.rate)
    assert len(draw.utterance) == 60 // seconds
    assert (draw.lead >= 0).all() and (draw.lead + length <= seconds * RATE).all()
    assert (draw.stop <= seconds * RATE).all() and (draw.stop <= draw.cut).all()
    assert (draw.cut[draw.kind == REAL] > seconds * RATE).all(), "real speech has no word times, so it is never cut"


def test_a_corpus_waits_for_rows_of_every_length(tmp_path: Path) -> None:
    corpus = Corpus(0.2, CPU)
    assert not corpus.has_every_length
    write_shard(tmp_path / "real.npz", ("real",))
    corpus.add_new(tmp_path)
    assert not corpus.has_every_length
    write_shard(tmp_path / "0.npz", ("flite",))
    corpus.add_new(tmp_path)
    assert corpus.has_every_length


def test_a_full_corpus_takes_no_more(tmp_path: Path) -> None:
    corpus = Corpus(0.03, CPU)
    write_shard(tmp_path / "0.npz", ("flite",))
    corpus.add_new(tmp_path)
    known = len(corpus.facts)
    write_shard(tmp_path / "1.npz", ("flite",))
    corpus.add_new(tmp_path)
    assert len(corpus.facts) == known == len(BUCKETS)


def test_a_broken_shard_does_not_end_the_growth(tmp_path: Path) -> None:
    (tmp_path / "0.npz").write_bytes(b"half a file")
    corpus = Corpus(0.2, CPU)
    corpus.follow(tmp_path, 0.01)
    write_shard(tmp_path / "1.npz")
    until = time.time() + 60
    while not corpus.has_every_length and time.time() < until:
        time.sleep(0.01)
    assert corpus.has_every_length


def test_a_few_steps_on_one_batch_lower_the_losses(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_module, "BATCH_SECONDS", 12)
    torch.manual_seed(0)
    context = torch.from_numpy(np.array(load_tokenizer(SHIPPED / "tokenizer.json").encode(" Good morning.").ids))
    batcher = Batcher(corpus, context, np.array([0]), LogMel(CPU), 0)
    model, heads = Whisper(), SideTasks()
    draw = corpus.draw(np.random.default_rng(0), 4, 0.4, 0.8, 0.25)
    with torch.no_grad():
        batch = batcher.make(draw, 0.8, 16)
    [(optimizer, peak)] = optimizers(Recipe(optimizer="adamw"), model, heads, False)
    seen = []
    for _ in range(4):
        losses = all_losses(model, heads, batch, torch.float32, False, True)
        seen.append({name: loss.item() for name, loss in losses.items()})
        sum(losses[name] for name in ("token", "phone", "point", "character")).backward()
        for group in optimizer.param_groups:
            group["lr"] = peak / 4
        optimizer.step()
        optimizer.zero_grad()
    for name in ("token", "phone", "character"):
        assert seen[-1][name] < seen[0][name], (name, seen)
    assert all(np.isfinite(value) for step in seen for value in step.values())


@pytest.mark.skipif(not find_library("espeak-ng"), reason="espeak-ng is not installed")
def test_an_unknown_voice_is_an_error() -> None:
    espeak = Espeak()
    assert espeak.say("Good morning.", "en+f3") is not None
    with pytest.raises(UnknownVoice, match="en-gb"):
        espeak.say("Good morning.", "en-gb+f3")


@pytest.mark.skipif(not shutil.which("festival"), reason="festival is not installed")
def test_festival_tells_when_words_sound() -> None:
    said = Festival().say("Good morning, my friend.", VOICES[0])
    assert said is not None and len(said.words) == 4 and len(said.phones) > 10
    assert all(start < end for start, end in said.words)
    assert said.words[-1][1] <= len(said.samples) / RATE + 0.01


def test_festival_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="festival"):
        Festival()
