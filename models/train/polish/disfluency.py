"""What speakers say and do not mean: fillers, repetitions, cut words, false starts, corrections of themselves."""

import random
import re
from collections import Counter

FILLERS = (("um", 30), ("uh", 30), ("er", 4), ("erm", 3), ("uhm", 3), ("hmm", 2), ("ah", 2), ("you know", 12), ("I mean", 8), ("like", 5), ("sort of", 1), ("kind of", 1))
SOUNDS = ("um", "uh", "er", "erm", "uhm", "hmm")
MARKERS = ("no", "no sorry", "sorry", "I mean", "no wait", "wait no", "or rather", "uh no", "I mean uh", "no I mean", "actually no", "oh sorry")
"""What stands between a wrong word and the right one."""
CLASSES = tuple(
    tuple(words.split())
    for words in (
        "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "January February March April May June July August September October November December",
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty",
        "twenty thirty forty fifty sixty seventy eighty ninety",
        "hundred thousand million billion",
        "he she they we you",
        "his her their my your our",
        "morning afternoon evening night",
        "left right",
        "red green blue black white yellow brown",
    )
)
ALTERNATIVES = {word: words for words in CLASSES for word in words}
REPEATED = frozenset(
    "i a an the and but so or to of in on at for with from by as if it is was we you he she they this that these those my our your "
    "his her their there because when what which who how can could will would do did not have has had be are were just then".split()
)
"""Words that speakers repeat while they think."""
MARKS = ".,?!;:"


def bare(word: str) -> str:
    return word.strip(MARKS + '"()')


def ends_sentence(word: str) -> bool:
    return word.rstrip('")').endswith((".", "?", "!"))


class Speaker:
    """Makes a text disfluent. `common` holds the words that are written small inside a sentence."""

    def __init__(self, common: frozenset[str], vocabulary: list[str], rng: random.Random) -> None:
        self._common, self._vocabulary, self._rng = common, vocabulary, rng
        self.planted: Counter[str] = Counter()

    def small(self, word: str) -> str:
        """A sentence's first word as it would be written further inside."""
        return word[0].lower() + word[1:] if word[:1].isupper() and bare(word).lower() in self._common else word

    def speak(self, words: list[str], rate: float) -> list[str]:
        """`words` with about `rate` disfluencies a word; what was added is counted in `planted`."""
        rng, out = self._rng, []
        fresh = True
        for at, word in enumerate(words):
            if rng.random() < rate * (1.8 if fresh else 1.0):
                word = self._stumble(out, words, at, word, fresh)
            out.append(word)
            fresh = ends_sentence(word)
        if rng.random() < rate * 0.5:
            self._trail(out)
        return out

    def _stumble(self, out: list[str], words: list[str], at: int, word: str, fresh: bool) -> str:
        """Appends what comes before words[at]; gives that word as it is written after it."""
        rng = self._rng
        kind = rng.choices(("filler", "repeat", "cut", "restart", "correct"), (50, 24, 6, 12, 8))[0]
        if kind == "repeat":
            return self._repeat(out, words, at, word)
        if kind == "cut" and len(bare(word)) > 3 and bare(word).isalpha():
            self.planted["repeats"] += 1
            out.append(bare(word)[: rng.randrange(1, min(5, len(bare(word)) - 1))] + rng.choice(("-", "-", "")))
            return self.small(word)
        if kind == "restart" and self._restart(out, words, at):
            return self.small(word)
        if kind == "correct" and self._correct(out, words, at):
            return self.small(word)
        self._filler(out, fresh)
        return self.small(word) if fresh else word

    def _filler(self, out: list[str], fresh: bool) -> None:
        rng = self._rng
        self.planted["fillers"] += 1
        name = rng.choices([f for f, _ in FILLERS], [w for _, w in FILLERS])[0]
        if name in ("like", "sort of", "kind of") and fresh:
            name = "um"
        if fresh:
            name = name[0].upper() + name[1:]
        if rng.random() < 0.12 and name.lower() in SOUNDS:
            name += rng.choice((", ", " ")) + rng.choice(SOUNDS)
        style = rng.random()
        if not fresh and out and style < 0.45 and out[-1][-1] not in MARKS + "-":
            out[-1] += ","
        out.extend((name + ("," if style < 0.6 else "")).split())

    def _repeat(self, out: list[str], words: list[str], at: int, word: str) -> str:
        rng = self._rng
        self.planted["repeats"] += 1
        mark = rng.choice(("", "", "", ",", ",", "-", "..."))
        if at and rng.random() < 0.3 and not ends_sentence(words[at - 1]) and words[at - 1][-1] not in MARKS and word[-1] not in MARKS:
            out.extend((word + mark, self.small(words[at - 1])))
            return self.small(word)
        times = rng.choices((1, 2, 3), (80, 15, 5))[0] if bare(word).lower() in REPEATED else 1
        if bare(word).lower() not in REPEATED and rng.random() < 0.5:
            self.planted["repeats"] -= 1
            self._filler(out, False)
            return word
        for again in range(times):
            out.append((bare(word) if again == 0 else self.small(bare(word))) + mark)
        return self.small(word)

    def _restart(self, out: list[str], words: list[str], at: int) -> bool:
        """The first words of a clause, another word, and from the beginning again: "I want, I need to"."""
        rng = self._rng
        if at and words[at - 1][-1] not in MARKS:
            return False
        span = words[at : at + rng.choice((1, 2, 2, 3, 3, 4))]
        if len(span) < 1 or len(words) - at < len(span) + 2 or any(ends_sentence(w) for w in span):
            return False
        self.planted["restarts"] += 1
        span = [span[0], *(bare(w) for w in span[1:])]
        if len(span) > 1 or rng.random() < 0.8:
            span.append(self._other(bare(words[at + len(span)])))
        mark = rng.choice(("", "", ",", ",", "-", "...", "."))
        if rng.random() < 0.3:
            span[-1] += rng.choice((",", ""))
            span.extend(rng.choice((*SOUNDS, "I mean", "no")).split())
        span[-1] = span[-1].rstrip(MARKS) + mark
        out.extend(span)
        return True

    def _correct(self, out: list[str], words: list[str], at: int) -> bool:
        """A wrong word, a marker, and then the right word: "on Tuesday, no, sorry, Wednesday"."""
        rng = self._rng
        right = bare(words[at])
        if at == 0 or ends_sentence(words[at - 1]) or len(right) < 3 or right.lower() in REPEATED:
            return False
        self.planted["restarts"] += 1
        marks = rng.random() < 0.6
        comma = "," if marks else ""
        out.append(self._other(right) + comma)
        marker = rng.choice(MARKERS)
        out.extend((marker.replace(" ", ", ") if marks and rng.random() < 0.3 else marker).split())
        out[-1] += comma
        if rng.random() < 0.3 and words[at - 1].lower() in REPEATED:
            out.append(words[at - 1])
        return True

    def _other(self, word: str) -> str:
        """Another word of the same class, or any."""
        rng = self._rng
        same = ALTERNATIVES.get(word) or ALTERNATIVES.get(word.lower())
        if same:
            other = rng.choice([w for w in same if w.lower() != word.lower()])
            return other
        if re.fullmatch(r"\d+", word):
            return str(rng.randrange(10 ** (len(word) - 1), 10 ** len(word)))
        return rng.choice(self._vocabulary)

    def _trail(self, out: list[str]) -> None:
        """A filler after the last word."""
        if not out:
            return
        self.planted["fillers"] += 1
        name = self._rng.choice((*SOUNDS, "you know"))
        if ends_sentence(out[-1]) and self._rng.random() < 0.5:
            out[-1] = out[-1].rstrip(MARKS) + ","
            out.append(name + ".")
        else:
            out.append(name if not ends_sentence(out[-1]) else name[0].upper() + name[1:])
