"""Tests of the polishing recipe's pure parts; run with `python -m pytest models/train/polish` from the repository root."""

import random
from collections import Counter
from pathlib import Path

import pytest
import torch

from models.train.polish.batches import LENGTHS, Packer
from models.train.polish.disfluency import Speaker
from models.train.polish.generate import generate
from models.train.polish.metrics import Score, acceptable, canonical, invented, lost
from models.train.polish.model import Llama, Shape
from models.train.polish.numbers import cardinal, ordinal, spoken, year
from models.train.polish.rows import Rows
from models.train.polish.sources import Pair, Texts, faithful
from models.train.polish.surface import Recogniser, plain
from models.train.polish.tokenizer import CLEAN, CONTEXT, END, RAW, load_tokenizer, prompt, train_tokenizer

LINES = [
    "We met at 6:30 p.m. on April 30, 1993, and it cost $75,000.",
    "The committee has heard from 24 witnesses, but nobody could say who had paid.",
    "Do you want to come with us to Berlin?",
    '"I have no idea," said Tom, and he left the room.',
    "It was cold.",
]
COMMON = frozenset("we met at the committee has heard from but nobody could say who do you want to come it was cold".split())


def texts() -> Texts:
    return Texts(LINES, LINES[:2], [Pair("um, it was, it was cold.", "It was cold.")], [], ["Anna", "Kowalski"], COMMON, ["house", "green", "walk"])


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (99, "ninety nine"),
        (100, "one hundred"),
        (101, "one hundred one"),
        (1000, "one thousand"),
        (12345, "twelve thousand three hundred forty five"),
        (1_000_007, "one million seven"),
        (2_500_000_000, "two billion five hundred million"),
    ],
)
def test_cardinals(n: int, words: str) -> None:
    assert cardinal(n) == words


def test_british_and() -> None:
    assert cardinal(205, british=True) == "two hundred and five"
    assert cardinal(3042, british=True) == "three thousand and forty two"


@pytest.mark.parametrize(
    ("n", "words"), [(1, "first"), (2, "second"), (3, "third"), (12, "twelfth"), (20, "twentieth"), (21, "twenty first"), (91, "ninety first"), (100, "one hundredth")]
)
def test_ordinals(n: int, words: str) -> None:
    assert ordinal(n) == words


@pytest.mark.parametrize(
    ("n", "words"),
    [(1905, "nineteen oh five"), (1944, "nineteen forty four"), (1800, "eighteen hundred"), (2000, "two thousand"), (2007, "two thousand seven"), (2013, "twenty thirteen")],
)
def test_years(n: int, words: str) -> None:
    assert year(n) == words


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It cost $75,000.", "It cost seventy five thousand dollars."),
        ("$5.6 billion over", "five point six billion dollars over"),
        ("$1.50, please", "one dollar and fifty cents, please"),
        ("$0.99", "ninety nine cents"),
        ("at 6:30 and", "at six thirty and"),
        ("at 6:05 p.m. and", "at six oh five p m and"),
        ("at 7:00.", "at seven o'clock."),
        ("grew by 6.6%.", "grew by six point six percent."),
        ("100%", "one hundred percent"),
        ("the 91st Street", "the ninety first Street"),
        ("in the 1990s", "in the nineteen nineties"),
        ("in the 1800s", "in the eighteen hundreds"),
        ("the 60s", "the sixties"),
        ("on April 30, 1993.", "on April thirty, nineteen ninety three."),
        ("1,900,000 of", "one million nine hundred thousand of"),
        ("a 15-second video", "a fifteen-second video"),
        ("007", "zero zero seven"),
        ("4K and B2B, v1.2.3, 10/12", "4K and B2B, v1.2.3, 10/12"),
    ],
)
def test_written_numbers_are_said(written: str, said: str) -> None:
    assert spoken(written) == said


def test_disfluencies_only_add() -> None:
    words = " ".join(LINES).split()
    for seed in range(50):
        speaker = Speaker(COMMON, ["house", "green"], random.Random(seed))
        spoken_words = [w.strip(".,?!-").lower() for w in speaker.speak(words, 0.2)]
        wanted = iter(spoken_words)
        assert all(w.strip(".,?!-").lower() in wanted for w in words), seed
        assert sum(speaker.planted.values()) > 0


def test_plain_text_keeps_every_word() -> None:
    for seed in range(50):
        said = " ".join(plain("The well-known Mr. Smith, aged 3.5, said: yes!".split(), random.Random(seed))).lower().replace("-", " ")
        assert said.replace("mister", "mr") == "the well known mr smith aged 3.5 said yes"


def test_a_recogniser_changes_only_marks_and_casing() -> None:
    for seed in range(50):
        wrote = Recogniser(COMMON, random.Random(seed)).write(LINES[1].split(), 0.5)
        assert canonical(" ".join(wrote)) == canonical(LINES[1])


def test_rows_are_repeatable_and_of_every_kind() -> None:
    first, again = Rows(texts(), LINES, 4), Rows(texts(), LINES, 4)
    rows = [first.draw() for _ in range(1500)]
    assert rows == [again.draw() for _ in range(1500)]
    kinds = Counter(row.kind for row in rows)
    assert set(kinds) == {"identity", "plain", "recognised", "human", "human-plain", "silence"}
    assert all(row.raw == row.clean for row in rows if row.kind == "identity")
    assert 0.2 < sum(bool(row.context) for row in rows) / len(rows) < 0.45
    assert all(not invented(row.raw, row.clean) for row in rows if row.kind == "identity")


@pytest.mark.parametrize(
    ("raw", "clean", "good"),
    [
        ("Um, I, I think so.", "I think so.", True),
        ("I think so.", "I guess so.", False),
        ("one two three four five six seven eight nine ten", "one two", False),
        ("we went home and then we slept", "We went home.", False),
    ],
)
def test_pairs_that_a_person_rewrote_are_left_out(raw: str, clean: str, good: bool) -> None:
    assert faithful(Pair(raw, clean)) == good


def test_numbers_compare_as_said() -> None:
    assert canonical("On April 30, 1993, $5.6 billion.") == canonical("on april thirtieth nineteen ninety three five point six billion dollars")
    assert canonical("Twenty-five, at 6 a.m.") == canonical("25 at six am")
    assert canonical("one,two") == canonical("one two")


def test_changed_content_words_are_seen() -> None:
    raw, clean = "um i went to the the store on may fifth", "I went to the store on May 5."
    assert not invented(raw, clean) and not lost(raw, clean, clean) and acceptable(raw, clean)
    assert invented(raw, "I went to the shop on May 5.") == ["shop"]
    assert lost(raw, clean, "I went to the on May 5.") == ["store"]
    assert not acceptable(raw, "I went to the shop on May 5.")
    score = Score()
    score.add(raw, clean, "I went to the store, on may 5", {"restarts": 1})
    assert (score.changed, score.fillers, score.repeats, score.numbers) == (0, [1, 1], [1, 1], [1, 1])
    assert score.marks[","] == [0, 1, 0] and score.marks["."] == [0, 0, 1] and (score.words, score.cased) == (8, 7)


def test_tokens_keep_every_text_and_special_names_in_it(tmp_path: Path) -> None:
    train_tokenizer(LINES * 20, tmp_path / "tokenizer.json")
    tokenizer = load_tokenizer(tmp_path / "tokenizer.json")
    for text in (*LINES, "\U0001f600 \u4f60\u597d <|raw|> x<|end|>\t\n", " 1,234  "):
        ids = tokenizer.encode(text).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text and min(ids) > CLEAN
    assert prompt([7], [8]) == [CONTEXT, 7, RAW, 8, CLEAN] and prompt([], [8]) == [RAW, 8, CLEAN]


def test_batches_have_few_shapes() -> None:
    packer = Packer(3072)
    assert all(3072 % n == 0 for n in LENGTHS)
    full = [b for i in range(2000) if (b := packer.add([RAW, *[9] * (i % 40), CLEAN], [8] * (i % 30)))]
    assert full and all(b.tokens.size == 3072 and b.tokens.shape[1] in LENGTHS for b in full)
    batch = full[0]
    assert all(row[e - 1] == END and row[b - 1] == CLEAN for row, b, e in zip(batch.tokens, batch.begin, batch.end))


def test_cached_decoding_is_plain_decoding() -> None:
    torch.manual_seed(0)
    model = Llama(Shape(128, 2, 256, 128))
    for name, p in model.named_parameters():
        if p.ndim == 2:
            p.data.mul_(3)
    prompts = [[RAW, *torch.randint(4, 5000, (n,)).tolist(), CLEAN] for n in (3, 9, 20)]
    for before, wrote in zip(prompts, generate(model, prompts, [12, 5, 9], torch.device("cpu"), torch.float32)):
        tokens = list(before)
        for _ in wrote:
            tokens.append(int(model(torch.tensor([tokens]), torch.float32)[-1].argmax()))
        assert tokens[len(before) :] == wrote
