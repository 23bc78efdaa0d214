"""Processes that make training batches for ever: rows of similar length, padded to one of a few lengths, the same number of tokens a batch."""

import multiprocessing
import os
import queue
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .rows import Rows
from .sources import Texts
from .tokenizer import END, load_tokenizer, prompt

LENGTHS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
BATCH_TOKENS = 49152
CHUNK = 256


@dataclass
class Batch:
    """tokens [rows, length]; in each row the text to be learnt begins after `begin` tokens and ends, with <|end|>, before `end`."""

    tokens: np.ndarray
    begin: np.ndarray
    end: np.ndarray


class Packer:
    """Collects rows by length until one length has a batch full."""

    def __init__(self, batch_tokens: int) -> None:
        self._batch_tokens = batch_tokens
        self._waiting: dict[int, list[tuple[list[int], int]]] = {length: [] for length in LENGTHS}

    def add(self, before: list[int], clean: list[int]) -> Batch | None:
        row = before + clean + [END]
        length = next((n for n in LENGTHS if n >= len(row)), 0)
        if not length:
            return None  # longer than the model's context
        waiting = self._waiting[length]
        waiting.append((row, len(before)))
        if len(waiting) < self._batch_tokens // length:
            return None
        self._waiting[length] = []
        random.shuffle(waiting)
        tokens = np.full((len(waiting), length), END, np.uint16)
        for i, (row, _) in enumerate(waiting):
            tokens[i, : len(row)] = row
        return Batch(tokens, np.array([b for _, b in waiting], np.int32), np.array([len(row) for row, _ in waiting], np.int32))


def make_batches(texts: Texts, tokenizer: Path, seed: int, batch_tokens: int, out) -> None:
    """The body of a worker; it ends when its parent is gone."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    parent = os.getppid()
    encode, rows, packer = load_tokenizer(tokenizer).encode_batch, Rows(texts, texts.lines, seed), Packer(batch_tokens)
    while True:
        drawn = [rows.draw() for _ in range(CHUNK)]
        ids = [e.ids for e in encode([text for row in drawn for text in (row.context, row.raw, row.clean)])]
        for i in range(0, len(ids), 3):
            batch = packer.add(prompt(ids[i], ids[i + 1]), ids[i + 2])
            while batch is not None:
                try:
                    out.put(batch, timeout=5)
                    batch = None
                except queue.Full:
                    if os.getppid() != parent:
                        return


class Workers:
    """`count` processes and the queue that they fill."""

    def __init__(self, texts: Texts, tokenizer: Path, count: int, batch_tokens: int, seed: int) -> None:
        context = multiprocessing.get_context("fork")
        self._queue = context.Queue(maxsize=256)
        self._processes = [
            context.Process(target=make_batches, args=(texts, tokenizer, seed * 1000 + i, batch_tokens, self._queue), daemon=True) for i in range(count)
        ]
        for process in self._processes:
            process.start()

    def next(self) -> Batch:
        while True:
            try:
                return self._queue.get(timeout=20)
            except queue.Empty:
                if not any(p.is_alive() for p in self._processes):
                    raise RuntimeError("every process that makes batches has died") from None

    @property
    def ready(self) -> int:
        return self._queue.qsize()

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
