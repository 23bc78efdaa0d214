"""Shards: ready-to-learn utterances (samples, phones a frame, timed tokens, characters) as arrays in .npz files."""

import re
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from .synth.voice import RATE, Utterance

FRAME = 320
"""Samples of one encoder frame: 20 ms."""
UNKNOWN = 255
"""No phone label."""
NO_TIME = 65535
KINDS = ("flite", "espeak", "real")
CHARACTERS = " abcdefghijklmnopqrstuvwxyz'0123456789$%"
"""Classes of the character CTC side task; class 0 of that task is its blank."""
_CHARACTER = {c: i + 1 for i, c in enumerate(CHARACTERS)}

FLITE_PHONES = (
    "pau aa ae ah ao aw ax ay b ch d dh eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh t th uh uw v w y z zh"
).split()
ESPEAK_PHONES = (
    "pause t I n d s a @ l k i r z m E D w 3 aI p 0 V b f v h eI u oU S g j N U O @L tS aU A@ T dZ O@ r- e@ i@ aa o@ OI A @- aI@ U@ VR t[ Z ? n- IR o e"
).split()
PHONES = {"flite": FLITE_PHONES, "espeak": ESPEAK_PHONES}
PHONE_CLASSES = len(FLITE_PHONES) + len(ESPEAK_PHONES)
_NUMBER = {
    "flite": {p: i for i, p in enumerate(FLITE_PHONES)},
    "espeak": {p: len(FLITE_PHONES) + i for i, p in enumerate(ESPEAK_PHONES)},
}


class ShardWriter:
    """Gathers utterances and writes them as one file."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._samples: list[np.ndarray] = []
        self._phones: list[np.ndarray] = []
        self._tokens: list[np.ndarray] = []
        self._starts: list[np.ndarray] = []
        self._ends: list[np.ndarray] = []
        self._characters: list[np.ndarray] = []
        self._facts: list[tuple[int, int, int]] = []

    def __len__(self) -> int:
        return len(self._facts)

    def add(self, text: str, spoken: Utterance, kind: str, after: int) -> None:
        """`kind` is one of KINDS; real speech has neither phones nor word times. `after`: index of the context sentence or -1."""
        count = len(spoken.samples)
        frames = -(-count // FRAME)
        self._samples.append(np.pad(spoken.samples, (0, frames * FRAME - count)))
        phones = np.full(frames, UNKNOWN, np.uint8)
        for name, start, end in spoken.phones:
            phones[round(start * RATE / FRAME) : round(end * RATE / FRAME)] = _NUMBER[kind].get(name, UNKNOWN)
        self._phones.append(phones)
        tokens, starts, ends = timed_tokens(self._tokenizer, text, spoken.words)
        self._tokens.append(tokens)
        self._starts.append(starts)
        self._ends.append(ends)
        self._characters.append(np.array([_CHARACTER[c] for c in spelled(text)], np.uint8))
        self._facts.append((count, KINDS.index(kind), after))

    def write(self, path: Path) -> None:
        """Writes under another name first: a reader never sees half a file."""
        facts = np.array(self._facts, np.int64).reshape(-1, 3)
        lengths = lambda arrays: np.array([len(a) for a in arrays], np.int32)  # noqa: E731
        join = lambda arrays, kind: np.concatenate(arrays) if arrays else np.zeros(0, kind)  # noqa: E731
        draft = path.with_suffix(".part")
        with open(draft, "wb") as file:
            np.savez(
                file,
                samples=join(self._samples, np.int16),
                phones=join(self._phones, np.uint8),
                tokens=join(self._tokens, np.int16),
                starts=join(self._starts, np.uint16),
                ends=join(self._ends, np.uint16),
                characters=join(self._characters, np.uint8),
                token_counts=lengths(self._tokens),
                character_counts=lengths(self._characters),
                sample_counts=facts[:, 0].astype(np.int32),
                kinds=facts[:, 1].astype(np.uint8),
                after=facts[:, 2].astype(np.int32),
            )
        draft.rename(path)


def spelled(text: str) -> str:
    """The text in the classes of the character task."""
    return re.sub(r"\s+", " ", "".join(c if c in _CHARACTER else " " if c in "-/" else "" for c in text.lower())).strip()


def timed_tokens(tokenizer: Tokenizer, text: str, words: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Token ids of " text", and the frames in which each sounds: the tokens of a word share its time by their characters."""
    encoding = tokenizer.encode(" " + text)
    tokens = np.array(encoding.ids, np.int16)
    starts = np.full(len(tokens), NO_TIME, np.uint16)
    ends = starts.copy()
    if not words:
        return tokens, starts, ends
    spans = [match.span() for match in re.finditer(r"\S+", " " + text)]
    word = 0
    for i, (first, last) in enumerate(encoding.offsets):
        while word < len(spans) - 1 and last > spans[word][1]:
            word += 1
        begin, past = spans[word]
        start, end = words[word]
        at = lambda c: start + (end - start) * min(1, max(0, (c - begin) / (past - begin)))  # noqa: B023, E731
        starts[i] = round(at(first) * RATE / FRAME)
        ends[i] = max(round(at(last) * RATE / FRAME), starts[i] + 1)
    return tokens, starts, ends
