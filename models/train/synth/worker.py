"""One process that speaks: draws texts, synthesises them and writes a shard every few hundred utterances until told to stop."""

import random
import time
from pathlib import Path

from ..shards import ShardWriter
from ..text import Sayings
from ..tokenizer import load_tokenizer
from .espeak import ACCENTS, HELD_OUT_VARIANTS, Espeak
from .festival import VOICES as FESTIVAL_VOICES
from .festival import Festival
from .flite import Flite
from .voice import RATE, Utterance

LONGEST = 29.0
SHORTEST = 0.25
FLITE_SHARE = 0.6
VOICES = (("slt", 3), ("rms", 3), ("awb", 3), ("kal16", 1.5))
FESTIVAL_SHARE = 0.14
"""Of the utterances, where festival is asked for; run B, which made the model that is shipped, was without it."""


class Speaker:
    """A random voice with a random manner for each utterance."""

    def __init__(self, libraries: str, seed: int, festival: bool = False) -> None:
        self._flite, self._espeak = Flite(libraries), Espeak(libraries)
        self._random = random.Random(seed)
        self._festival = Festival(libraries) if festival else None

    def say(self, text: str, held_out: bool = False) -> tuple[Utterance | None, str]:
        """(utterance, kind); `held_out` takes the voices that are never trained on."""
        rng = self._random
        if self._festival and not held_out and rng.random() < FESTIVAL_SHARE:
            try:
                # Its segments carry the names of flite's.
                return self._festival.say(text, rng.choice(FESTIVAL_VOICES), rng.uniform(0.75, 1.35)), "flite"
            except Exception as problem:  # noqa: BLE001 - one voice less is better than one speaker less
                print(f"[voices] festival is left out from now on: {problem}", flush=True)
                self._festival = None
        if not held_out and rng.random() < FLITE_SHARE:
            voice = rng.choices([v for v, _ in VOICES], [w for _, w in VOICES])[0]
            return self._flite.say(text, voice, rng.uniform(0.72, 1.35), rng.uniform(0.75, 1.45)), "flite"
        variant = rng.choice(HELD_OUT_VARIANTS if held_out else self._espeak.variants)
        voice = rng.choice(ACCENTS if not held_out else ACCENTS[:2]) + ("" if rng.random() < 0.08 and not held_out else "+" + variant)
        said = self._espeak.say(
            text, voice, rng.uniform(115, 240), rng.uniform(20, 85), rng.uniform(20, 90), rng.choice((0, 0, 0, 1, 3))
        )
        return said, "espeak"


def fits(said: Utterance | None) -> bool:
    return said is not None and SHORTEST <= len(said.samples) / RATE <= LONGEST


def speak_shards(
    sentences: list[str], tokenizer: Path, libraries: str, out: Path, seed: int, until: float, first: int, size: int, festival: bool
) -> None:
    """Writes `out`/<seed>-<n>.npz until the clock (`time.time()`) reads `until`; the first shard holds `first` utterances, later ones `size`."""
    speaker, sayings, tokens = Speaker(libraries, seed, festival), Sayings(sentences, seed), load_tokenizer(tokenizer)
    count = 0
    while time.time() < until:
        shard = ShardWriter(tokens)
        while len(shard) < (size if count else first) and time.time() < until:
            saying = sayings.draw()
            said, kind = speaker.say(saying.text)
            if fits(said):
                shard.add(saying.text, said, kind, saying.after)
        shard.write(out / f"{seed}-{count}.npz")
        count += 1


def speak_test_set(sentences: list[str], tokenizer: Path, libraries: str, out: Path, count: int) -> None:
    """The synthetic test set: held-out sentences in held-out voices."""
    speaker, shard, rng = Speaker(libraries, 1), ShardWriter(load_tokenizer(tokenizer)), random.Random(1)
    while len(shard) < count:
        text = rng.choice(sentences)
        said, kind = speaker.say(text, held_out=True)
        if fits(said):
            shard.add(text, said, kind, -1)
    shard.write(out)
