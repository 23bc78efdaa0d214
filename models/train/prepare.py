"""Makes everything training needs, and goes on speaking until the clock says stop: sentences, tokenizer, test sets, real and synthetic shards."""

import argparse
import os
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from .judge import Item, load_items, save_items
from .recordings import add_recordings, joined, read_training_recordings
from .shards import ShardWriter
from .synth.worker import speak_shards, speak_test_set
from .text import ExcludedTexts, read_sentences
from .tokenizer import load_tokenizer, train_tokenizer

FIRST_SHARD, SHARD = 60, 500


def write_context(sentences: list[str], tokenizer: Path, out: Path) -> None:
    """All sentences as one run of tokens, and where each begins: previous text for prompts is whatever stands before."""
    encodings = load_tokenizer(tokenizer).encode_batch([" " + s for s in sentences])
    counts = np.array([len(e.ids) for e in encodings], np.int64)
    np.savez(out, tokens=np.concatenate([np.array(e.ids, np.int16) for e in encodings]), at=np.cumsum(counts) - counts)


def write_recordings(folder: Path, tokenizer: Path, libopus: str, work: Path, workers: int) -> None:
    """Training shards of the real speech and `real-dev.npz`, the speakers held out."""
    recordings = read_training_recordings(folder, libopus, workers)
    train = [r for r in recordings if not r.held_out]
    tokens = load_tokenizer(tokenizer)
    for name, group in (("real", train), ("real-joined", joined(train))):
        shard = ShardWriter(tokens)
        add_recordings(shard, group)
        shard.write(work / "shards" / f"{name}.npz")
    save_items([Item(r.samples, r.text, r.source) for r in recordings if r.held_out], work / "real-dev.npz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder to write to")
    parser.add_argument("--sentences", type=Path, required=True, help="one sentence a line, plain or .xz")
    parser.add_argument("--recordings", type=Path, help="folder of index.jsonl and opus.bin; without it only synthetic speech is used")
    parser.add_argument("--tests", type=Path, help="test.npz of evaluate.py: its texts are kept out of training")
    parser.add_argument("--libraries", default="", help="folder of the synthesisers' shared objects and espeak-ng-data (default: the system's)")
    parser.add_argument("--festival", action="store_true", help="let festival's voice ked speak too (apt-get install festival festvox-kdlpc16k)")
    parser.add_argument("--libopus", default="libopus.so.0")
    parser.add_argument("--seconds", type=float, default=900, help="how long to go on synthesising")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 3))
    options = parser.parse_args()
    work, until, began = options.work, time.time() + options.seconds, time.time()
    shards = work / "shards"
    shards.mkdir(parents=True, exist_ok=True)

    def say(text: str) -> None:
        print(f"[prepare {time.time() - began:.0f} s] {text}", flush=True)

    tests = ExcludedTexts([item.text for item in load_items(options.tests)] if options.tests else [])
    sentences, held = read_sentences(options.sentences, tests)
    say(f"{len(sentences)} sentences, {len(held)} held out")
    train_tokenizer(sentences[::3], work / "tokenizer.json")
    say("tokenizer learnt")
    context = get_context("fork")
    speakers = [
        context.Process(
            target=speak_shards,
            args=(sentences, work / "tokenizer.json", options.libraries, shards, seed, until, FIRST_SHARD, SHARD, options.festival),
        )
        for seed in range(100, 100 + options.workers)
    ]
    for process in speakers:
        process.start()
    held_speaker = context.Process(
        target=speak_test_set, args=(held, work / "tokenizer.json", options.libraries, work / "synthetic-test.npz", 300)
    )
    held_speaker.start()
    if options.recordings:
        write_recordings(options.recordings, work / "tokenizer.json", options.libopus, work, 8)
        say("real recordings decoded")
    write_context(sentences, work / "tokenizer.json", work / "context.npz")
    held_speaker.join()
    if held_speaker.exitcode:
        raise SystemExit("the synthesisers do not speak: see above")
    (work / "ready").touch()
    say("ready")
    for process in speakers:
        process.join()
    say("synthesis ended")


if __name__ == "__main__":
    main()
