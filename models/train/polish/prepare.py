"""Makes the training folder: the texts apart from the held-out ones, the tokenizer, and the rows that models are judged by."""

import argparse
import gzip
import json
import random
from dataclasses import asdict
from pathlib import Path

from .rows import Row, Rows, human_row
from .sources import Texts, read_texts
from .tokenizer import load_tokenizer, train_tokenizer

TEST_ROWS = 1500
TOKENIZER_LINES = 120_000


def save_texts(texts: Texts, path: Path) -> None:
    with gzip.open(path, "wt", compresslevel=6) as file:
        json.dump({**asdict(texts), "common": sorted(texts.common)}, file)


def load_texts(path: Path) -> Texts:
    from .sources import Pair

    with gzip.open(path, "rt") as file:
        fields = json.load(file)
    fields["pairs"], fields["held_pairs"] = ([Pair(**p) for p in fields[name]] for name in ("pairs", "held_pairs"))
    return Texts(**{**fields, "common": frozenset(fields["common"])})


def test_rows(texts: Texts, count: int = TEST_ROWS) -> list[Row]:
    """Synthetic rows of held-out passages, then each held-out human pair as it was transcribed and as a plain recogniser would give it."""
    drawn = Rows(texts, texts.held, seed=1, natural=True)
    rng = random.Random(2)
    rows = [drawn.draw() for _ in range(count)]
    rows += [human_row(p.raw, p.clean, rng, share) for share in (0.0, 1.0) for p in texts.held_pairs]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True, help="folder of paragraphs.txt.xz, sentences.txt.xz, disfluency_pairs.tsv.xz, names.txt")
    parser.add_argument("--work", type=Path, required=True, help="folder to write")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    texts = read_texts(options.texts)
    save_texts(texts, options.work / "texts.json.gz")
    drawn = Rows(texts, texts.lines, seed=3)
    rows = [drawn.draw() for _ in range(TOKENIZER_LINES)]
    train_tokenizer([text for row in rows for text in (row.raw, row.clean)], options.work / "tokenizer.json")
    load_tokenizer(options.work / "tokenizer.json")
    with open(options.work / "test.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in test_rows(texts))
    print(f"{len(texts.lines)} lines, {len(texts.held)} held out; {len(texts.pairs)} human pairs, {len(texts.held_pairs)} held out")


if __name__ == "__main__":
    main()
