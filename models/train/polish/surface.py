"""How a recogniser writes words down: without casing and marks, or with both and some of them wrong."""

import random
import re

from .disfluency import MARKS, ends_sentence

TITLES = {"Mr.": "mister", "Mrs.": "missus", "Dr.": "doctor", "St.": "saint", "Prof.": "professor"}
MONTH = re.compile(r"\b(January|February|March|April|May|June|July|August|September|October|November|December) (\d{1,2})(?!\d|[:%]|st|nd|rd|th)")


def plain(words: list[str], rng: random.Random) -> list[str]:
    """Words as a recogniser without casing and punctuation gives them; see `settled` for those that write capitals only."""
    text = " ".join(TITLES[w] if w in TITLES and rng.random() < 0.4 else w for w in words)
    text = text.replace("&", "and").replace("...", " ").replace("--", " ")
    text = re.sub(r'["()\[\]]', "", text)
    text = re.sub(r"([.,?!;:])+(?=\s|$|[\"')])", "", text)
    text = re.sub(r"\b([A-Za-z])\.(?=[A-Za-z]\b)\.?", r"\1" + rng.choice(("", " ", ".")), text)
    if rng.random() < 0.85:
        text = re.sub(r"(?<=\w)-(?=\w)", " ", text)
    text = re.sub(r"(?<!\w)[-']+(?!\w)", " ", text)
    case = rng.random()
    if case < 0.82:
        text = text.lower()
        if rng.random() < 0.25:
            text = re.sub(r"\bi\b", "I", text)
    elif case < 0.825:
        text = text.title().replace("'S", "'s").replace("'T", "'t")
    if rng.random() < 0.06:
        text = re.sub(r"(?<=\w)'(?=\w)", "", text)
    return text.split()


class Recogniser:
    """Casing and marks with errors; `common` holds the words that are written small inside a sentence."""

    def __init__(self, common: frozenset[str], rng: random.Random) -> None:
        self._common, self._rng = common, rng

    def write(self, words: list[str], errors: float) -> list[str]:
        """`errors` is the share of marks and capitals that come out wrong."""
        rng, out = self._rng, []
        small_next = big_next = False
        for at, word in enumerate(words):
            last = at == len(words) - 1
            if small_next and word.strip(MARKS + '"').lower() in self._common:
                word = word[0].lower() + word[1:]
            if big_next:
                word = word[0].upper() + word[1:]
            small_next = big_next = False
            if rng.random() < errors * 0.12:
                word = word.lower() if rng.random() < 0.8 else word[0].upper() + word[1:]
            tail = len(word) > 1 and word[-1]
            if tail == "," and rng.random() < errors:
                word = word[:-1] + rng.choices(("", ".", ";"), (80, 15, 5))[0]
                big_next = word[-1] == "."
            elif tail in tuple(".?!") and ends_sentence(word) and rng.random() < errors:
                word = word[:-1] + rng.choices(("", ",", ".", "?", "!"), (35, 30, 25, 5, 5))[0]
                small_next = not last and word[-1] not in ".?!"
            elif tail and tail.isalnum() and not last and rng.random() < errors * 0.12:
                word += rng.choices((",", "."), (65, 35))[0]
                big_next = word[-1] == "."
            out.append(word)
        if rng.random() < errors:
            out[0] = out[0][0].lower() + out[0][1:]
        return out


def said_dates(text: str, rng: random.Random) -> str:
    """"April 30" -> "April 30th", so that the day is said as an ordinal."""
    def nth(match: re.Match[str]) -> str:
        n = int(match[2])
        if rng.random() < 0.2 or n == 0:
            return match[0]
        return f"{match[1]} {n}{suffix(n)}"

    return MONTH.sub(nth, text)


def suffix(n: int) -> str:
    return "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")


def loose(text: str, rng: random.Random) -> str:
    """Odd spaces: doubled, before marks, missing after a full stop, around the text."""
    kind = rng.randrange(4)
    if kind == 0:
        return re.sub(r" ", lambda _: "  " if rng.random() < 0.2 else " ", text)
    if kind == 1:
        return re.sub(r"([,.?!])(?=\s|$)", r" \1", text)
    if kind == 2:
        return re.sub(r"([a-z][,.?!]) (?=[A-Za-z])", lambda m: m[1] + ("" if rng.random() < 0.5 else " "), text)
    return rng.choice((" ", "  ", "\n", "")) + text + rng.choice((" ", "\n", ""))


def settled(raw: str) -> str:
    """The raw text as a model sees it: one in capitals only is written small first, a rule that every program using the model keeps."""
    return raw.lower() if sum(c.isupper() for c in raw) > 3 and not any(c.islower() for c in raw) and " " in raw.strip() else raw
