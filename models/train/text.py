"""The sentences that are spoken and learnt from: read, kept apart from every test text, cut into what one utterance says."""

import hashlib
import lzma
import random
import re
from dataclasses import dataclass
from pathlib import Path

COMMANDS = (
    "yes no up down left right on off stop go zero one two three four five six seven eight nine ten eleven twelve "
    "twenty thirty hundred happy house bed bird cat dog marvin sheila tree wow open close start play pause next back "
    "cancel help hello goodbye thanks okay please again louder quieter continue enter delete save send call"
).split()
"""Single words that people say to machines."""

SENTENCES_OF_AN_UTTERANCE = ((1, 0.52), (2, 0.2), (3, 0.12), (4, 0.09), (6, 0.07))
MAX_WORDS = 75
GRAM = 6
"""A sentence that shares this many consecutive words with a test text is left out."""


def plain_words(text: str) -> list[str]:
    """Lower-case words without punctuation, for comparing texts."""
    return re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("-", " ")).split()


class ExcludedTexts:
    """Recognises sentences that occur in the test recordings."""

    def __init__(self, texts: list[str]) -> None:
        words = [plain_words(text) for text in texts]
        self._grams = {tuple(w[i : i + GRAM]) for w in words for i in range(len(w) - GRAM + 1)}
        self._short = {tuple(w) for w in words if 2 <= len(w) < GRAM}

    def contains(self, text: str) -> bool:
        words = plain_words(text)
        return tuple(words) in self._short or any(tuple(words[i : i + GRAM]) in self._grams for i in range(len(words) - GRAM + 1))


def held_out(sentence: str) -> bool:
    """One sentence in a hundred, by its hash, is spoken only in the synthetic test set."""
    return hashlib.md5(sentence.encode()).digest()[0] * 256 + hashlib.md5(sentence.encode()).digest()[1] < 655


def read_sentences(path: Path, tests: ExcludedTexts) -> tuple[list[str], list[str]]:
    """(training sentences in their order, held-out sentences) of an xz or plain text file, one sentence a line."""
    with lzma.open(path, "rt") if path.suffix == ".xz" else open(path) as lines:
        sentences = [line.strip() for line in lines if line.strip()]
    sentences = [s for s in sentences if not tests.contains(s)]
    return [s for s in sentences if not held_out(s)], [s for s in sentences if held_out(s)]


@dataclass
class Saying:
    """The text of one utterance; `after` is the index of the sentence it begins with (what stands before it is its context), or -1."""

    text: str
    after: int


class Sayings:
    """Draws what is said: mostly one to six consecutive sentences, some fragments and single words, numbers more often than in the text."""

    def __init__(self, sentences: list[str], seed: int) -> None:
        self._sentences = sentences
        self._numbers = [i for i, s in enumerate(sentences) if re.search(r"\d", s)] or list(range(len(sentences)))
        self._random = random.Random(seed)

    def draw(self) -> Saying:
        rng = self._random
        if rng.random() < 0.03:
            return Saying(as_sentence(" ".join(rng.choice(COMMANDS) for _ in range(rng.choice((1, 1, 1, 2, 3))))), -1)
        count = rng.choices([n for n, _ in SENTENCES_OF_AN_UTTERANCE], [p for _, p in SENTENCES_OF_AN_UTTERANCE])[0]
        at = rng.choice(self._numbers) if rng.random() < 0.08 else rng.randrange(len(self._sentences))
        if rng.random() < 0.12:
            words = self._sentences[at].split()
            length = rng.randrange(1, 7)
            start = rng.randrange(max(1, len(words) - length))
            return Saying(as_sentence(" ".join(words[start : start + length])), -1)
        words = " ".join(self._sentences[at : at + count]).split()
        return Saying(" ".join(words[:MAX_WORDS]), at)


def as_sentence(fragment: str) -> str:
    """A fragment written as a sentence of its own: a capital first, a full stop last."""
    bare = fragment.strip(" ,;:-\"'().")
    if not bare:
        return "Yes."
    return bare[0].upper() + bare[1:] + ("" if bare[-1] in "!?" else ".")
