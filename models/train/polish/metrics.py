"""Compares what a model wrote with the clean text and with what was said."""

import re
from collections import Counter
from dataclasses import dataclass, field

from .disfluency import SOUNDS
from .numbers import spoken
from .surface import MONTH, suffix

FUNCTION = frozenset(
    "a an the and but or so to of in on at for with from by as if it its is was were be been are am i we you he she they me us him her "
    "them my our your his their this that these those there then than do did does have has had will would can could should just oh well "
    "yeah yes like right know mean sort kind okay ok very really actually um uh er erm uhm hmm ah mm you all".split()
)
"""Words without content, and those that speakers strew in; every other word is a content word, numbers and negations too."""
TITLES = {"mister": "mr", "missus": "mrs", "doctor": "dr", "saint": "st", "prof": "professor", "%": "percent", "&": "and"}
MARKS = ",.?!;:"
DATE = re.compile(MONTH.pattern, re.IGNORECASE)
LONGEST_DROP = 6
"""The guard takes no output that drops more words in a row than this."""


def canonical(text: str) -> list[str]:
    """Words to compare: small letters, numbers as said, no marks, hyphens or apostrophes."""
    text = re.sub(r"(?<=\w)([,.?!;:]+)(?=[A-Za-z]{2})", r"\1 ", text)
    text = DATE.sub(lambda m: f"{m[1]} {m[2]}{suffix(int(m[2]))}", text)
    text = spoken(text.replace("-", " ") if re.search(r"[A-Za-z]-", text) else text)
    text = re.sub(r"['\u2019\"()]", "", text.lower()).replace("-", " ").replace("/", " ")
    text = re.sub(r"\ba (?=(hundred|thousand|million|billion)\b)", "one ", text)
    text = re.sub(r"\b([a-z])[. ](?=[a-z]\b)", r"\1", text)
    words = (word.strip(".,?!;:") for word in text.split())
    return [TITLES.get(word, word) for word in words if word]


def matches(a: list[str], b: list[str]) -> list[tuple[int, int]]:
    """Index pairs of a longest common subsequence; of equal ones, that which takes the later words of `a`."""
    table = [[0] * (len(b) + 1)]
    for x in a:
        above, row = table[-1], [0]
        for j, y in enumerate(b):
            row.append(above[j] + 1 if x == y else max(above[j + 1], row[j]))
        table.append(row)
    i, j, out = len(a), len(b), []
    while i and j:
        if a[i - 1] == b[j - 1]:
            out.append((i - 1, j - 1))
            i, j = i - 1, j - 1
        elif table[i - 1][j] >= table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return out[::-1]


def invented(raw: str, output: str) -> list[str]:
    """Content words of `output` that were not said, joined or split words apart."""
    said, wrote = canonical(raw), canonical(output)
    found = {j for _, j in matches(said, wrote)}
    glued = "".join(said)
    return [w for j, w in enumerate(wrote) if j not in found and w not in FUNCTION and not (len(w) > 5 and w in glued and w not in said)]


def lost(raw: str, clean: str, output: str) -> list[str]:
    """Content words that were said and belong to the clean text, but are not in `output`."""
    kept, wrote, said = canonical(clean), canonical(output), Counter(canonical(raw))
    found = {i for i, _ in matches(kept, wrote)}
    glued = "".join(wrote)
    return [w for i, w in enumerate(kept) if i not in found and w not in FUNCTION and said[w] and not (len(w) > 5 and w in glued and w not in wrote)]


def acceptable(raw: str, output: str) -> bool:
    """What a guard that sees no clean text can check: nothing invented, no long passage dropped, no content word dropped that
    is not said again close by, unless a correction or a broken-off start may have dropped it."""
    if invented(raw, output):
        return False
    said, wrote = canonical(raw), canonical(output)
    found = {i for i, _ in matches(said, wrote)}
    run = 0
    for i, word in enumerate(said):
        run = 0 if i in found or word in SOUNDS else run + 1
        if run > LONGEST_DROP:
            return False
    dropped = [i for i, w in enumerate(said) if i not in found and w not in FUNCTION]
    single = [i for i in dropped if said[i] not in said[i + 1 : i + 8] and not any(w.startswith(said[i]) for w in said[i + 1 : i + 3])]
    return len(single) <= max(2, len(said) // 8)


def bare(word: str) -> str:
    return word.strip(MARKS + '"()').lower()


def mark_of(word: str) -> str:
    tail = word.rstrip('")')
    return tail[-1] if tail and tail[-1] in MARKS else ""


REPEAT = re.compile(r"\b([\w']+)[,.-]* (?=\1\b)", re.IGNORECASE)
FILLER = re.compile(r"\b(?:um+|uh+|er|erm|uhm|hmm)\b|\byou know\b|\bi mean\b", re.IGNORECASE)


@dataclass
class Score:
    """Counts over rows; `report` gives the shares."""

    rows: int = 0
    marks: dict[str, list[int]] = field(default_factory=lambda: {m: [0, 0, 0] for m in ",.?!"})
    words: int = 0
    cased: int = 0
    fillers: list[int] = field(default_factory=lambda: [0, 0])
    repeats: list[int] = field(default_factory=lambda: [0, 0])
    restarts: list[int] = field(default_factory=lambda: [0, 0])
    numbers: list[int] = field(default_factory=lambda: [0, 0])
    same: int = 0
    changed: int = 0
    changed_guarded: int = 0
    fell_back: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, raw: str, clean: str, output: str, planted: dict[str, int]) -> None:
        self.rows += 1
        self.same += output == clean
        wrong, gone = invented(raw, output), lost(raw, clean, output)
        accepted = acceptable(raw, output)
        self.fell_back += not accepted
        if wrong or gone:
            self.changed += 1
            self.changed_guarded += accepted
            self.examples.append(f"invented {wrong}, lost {gone}\n    raw    {raw[:300]}\n    clean  {clean[:300]}\n    output {output[:300]}")
        self._add_marks(clean.split(), output.split())
        for count, pattern in ((self.fillers, FILLER), (self.repeats, REPEAT)):
            before, wanted, after = (len(pattern.findall(t)) for t in (raw, clean, output))
            if before > wanted:
                count[0] += max(0, min(before - wanted, before - after))
                count[1] += before - wanted
        if planted.get("restarts"):
            self.restarts[0] += canonical(output) == canonical(clean)
            self.restarts[1] += 1
        wanted = Counter(w.strip(MARKS + '"()') for w in clean.split() if re.search(r"\d", w))
        there = Counter(w.strip(MARKS + '"()') for w in output.split() if re.search(r"\d", w))
        self.numbers[0] += sum((wanted & there).values())
        self.numbers[1] += sum(wanted.values())

    def _add_marks(self, wanted: list[str], wrote: list[str]) -> None:
        pairs = matches([bare(w) for w in wanted], [bare(w) for w in wrote])
        paired, met = dict(pairs), {j for _, j in pairs}
        for i, word in enumerate(wanted):
            mine = mark_of(word)
            theirs = mark_of(wrote[paired[i]]) if i in paired else ""
            if i in paired:
                self.words += 1
                self.cased += word.strip(MARKS + '"()') == wrote[paired[i]].strip(MARKS + '"()')
            if mine in self.marks:
                self.marks[mine][0 if mine == theirs else 2] += 1
            if theirs in self.marks and mine != theirs:
                self.marks[theirs][1] += 1
        for j, word in enumerate(wrote):
            if j not in met and mark_of(word) in self.marks:
                self.marks[mark_of(word)][1] += 1

    def report(self) -> str:
        def f1(counts: list[int]) -> str:
            hit, extra, missed = counts
            return f"{2 * hit / max(1, 2 * hit + extra + missed):.3f} ({hit + missed})"

        def share(hit: int, of: int) -> str:
            return f"{hit / of:.2%} of {of}" if of else "-"

        whole = [sum(c[k] for c in self.marks.values()) for k in range(3)]
        marks = "  ".join(f"{name} {f1(c)}" for name, c in (*self.marks.items(), ("all", whole)))
        return (
            f"rows {self.rows}  exactly the clean text {share(self.same, self.rows)}\n"
            f"  punctuation F1: {marks}\n"
            f"  casing {share(self.cased, self.words)} words; fillers removed {share(*self.fillers)}; repetitions removed {share(*self.repeats)}\n"
            f"  rows with false starts right {share(*self.restarts)}; numbers in digits {share(*self.numbers)}\n"
            f"  outputs that change a content word {share(self.changed, self.rows)}; after the guard {share(self.changed_guarded, self.rows)} (falls back for {share(self.fell_back, self.rows)})"
        )
