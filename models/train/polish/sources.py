"""The clean texts and the human pairs: read, and kept apart from what is judged later."""

import lzma
import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

STRETCH = 200
"""Consecutive lines that are held out together, so that whole passages are unseen."""
HELD_OUT = 100
"""One stretch in so many is held out; of the human pairs one in ten, by stretches of 50."""
GRAM = 8
"""A training line that shares this many consecutive words with a held-out one is left out."""


def read_lines(path: Path) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else open(path, encoding="utf-8") as lines:
        return [line.strip() for line in lines if line.strip()]


def plain_words(text: str) -> list[str]:
    return re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()


def grams(text: str) -> list[int]:
    words = plain_words(text)
    return [hash(tuple(words[i : i + GRAM])) for i in range(len(words) - GRAM + 1)] or [hash(tuple(words))]


@dataclass
class Pair:
    """What was said, and what a person wrote down for it."""

    raw: str
    clean: str


def faithful(pair: Pair) -> bool:
    """Whether the person only left out and joined: no new words, nothing long dropped, not cut off at the end."""
    said, kept = plain_words(pair.raw.replace("-", " ")), plain_words(pair.clean.replace("-", " "))
    if not kept or len(kept) < 0.5 * len(said):
        return False
    for tag, a, b, _, _ in SequenceMatcher(None, said, kept, autojunk=False).get_opcodes():
        if tag in ("insert", "replace") or (tag == "delete" and (b - a > 6 or (b == len(said) and b - a > 2))):
            return False
    return True


def read_pairs(path: Path) -> tuple[list[Pair], list[Pair]]:
    """(pairs to learn from, held-out pairs); only faithful ones in either."""
    pairs = [Pair(*line.split("\t")[1:3]) for line in read_lines(path) if line.count("\t") == 2]
    held = [p for i, p in enumerate(pairs) if i // 50 % 10 == 9]
    seen = {g for p in held for g in grams(p.clean)}
    learnt = [p for i, p in enumerate(pairs) if i // 50 % 10 != 9 and not seen.intersection(grams(p.clean))]
    return [p for p in learnt if faithful(p)], [p for p in held if faithful(p)]


@dataclass
class Texts:
    """`lines` are sentences and short paragraphs in their order; `held` was never trained on."""

    lines: list[str]
    held: list[str]
    pairs: list[Pair]
    held_pairs: list[Pair]
    names: list[str]
    common: frozenset[str]
    vocabulary: list[str]


def usable(line: str) -> bool:
    """Whole sentences without notes, markup and headings."""
    return line[-1] in '.?!"' and line[0] not in "*#-|<" and not re.search(r"[\[\]{}<>|*_=\\~^`]|https?:|www\.", line)


def casing(lines: list[str]) -> tuple[frozenset[str], list[str]]:
    """(words written small inside sentences, frequent words)."""
    small, big = Counter(), Counter()
    for line in lines[::5]:
        for word in line.split()[1:]:
            word = word.strip('.,?!;:"()')
            (small if word.islower() else big)[word.lower()] += 1
    common = frozenset(word for word, n in small.items() if n > 1 and n > big[word] and word != "i")
    return common, [word for word, n in small.most_common(4000) if word.isalpha()]


def read_texts(folder: Path) -> Texts:
    paragraphs, sentences = read_lines(folder / "paragraphs.txt.xz"), read_lines(folder / "sentences.txt.xz")
    held = [p for i, p in enumerate(paragraphs) if i // STRETCH % HELD_OUT == 7]
    seen = {g for p in held for g in grams(p)}
    kept = [p for i, p in enumerate(paragraphs) if i // STRETCH % HELD_OUT != 7] + sentences
    lines = [line for line in kept if usable(line) and not seen.intersection(grams(line))]
    names = [line.split("\t")[1] for line in read_lines(folder / "names.txt") if not line.startswith("#")]
    pairs, held_pairs = read_pairs(folder / "disfluency_pairs.tsv.xz")
    return Texts(lines, [p for p in held if usable(p)], pairs, held_pairs, names, *casing(lines))
