"""Sets of utterances with their texts, and word error rates on them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from .decode import greedy
from .logmel import RATE, LogMel
from .model import Whisper
from .shards import FRAME

normal = EnglishTextNormalizer({})
"""Whisper's English normaliser without its table of British spellings."""
TAIL_SECONDS = 0.5
CONTEXTS = (2, 4, 6, 8, 12, 16, 22, 30)
"""Seconds to which a recording is padded with silence: the next that leaves half a second."""


@dataclass
class Item:
    samples: np.ndarray
    text: str
    group: str


def errors(said: str, heard: str) -> tuple[int, int]:
    """(word edits, words of the reference) after normalisation."""
    reference, guess = normal(said).split(), normal(heard).split()
    row = list(range(len(guess) + 1))
    for i, word in enumerate(reference):
        previous, row[0] = row[0], i + 1
        for j, other in enumerate(guess):
            previous, row[j + 1] = row[j + 1], min(row[j + 1] + 1, row[j] + 1, previous + (word != other))
    return row[-1], len(reference)


def save_items(items: list[Item], path: Path) -> None:
    facts = json.dumps([{"text": i.text, "group": i.group, "samples": len(i.samples)} for i in items])
    np.savez_compressed(path, samples=np.concatenate([i.samples for i in items]), facts=np.array(facts))


def load_items(path: Path) -> list[Item]:
    data = np.load(path)
    items, at, samples = [], 0, data["samples"]
    for fact in json.loads(str(data["facts"])):
        items.append(Item(samples[at : at + fact["samples"]], fact["text"], fact["group"]))
        at += fact["samples"]
    return items


def shard_items(path: Path, tokenizer: Tokenizer, group: str) -> list[Item]:
    """The utterances of a shard, their texts from their tokens."""
    data = dict(np.load(path))
    items, frame, token = [], 0, 0
    for count, tokens in zip(data["sample_counts"], data["token_counts"]):
        samples = data["samples"][frame * FRAME : frame * FRAME + count]
        text = tokenizer.decode([int(t) for t in data["tokens"][token : token + tokens]]).strip()
        items.append(Item(samples, text, group))
        frame += -(-int(count) // FRAME)
        token += int(tokens)
    return items


def context_of(samples: int) -> int:
    """Samples of the shortest context that holds so many samples and a tail of silence."""
    return next((c * RATE for c in CONTEXTS if samples + TAIL_SECONDS * RATE <= c * RATE), 30 * RATE)


def transcribe(
    model: Whisper, tokenizer: Tokenizer, logmel: LogMel, items: list[Item], device: torch.device, kind: torch.dtype, context: int = 0, batch_seconds: int = 400
) -> list[str]:
    """Texts of the items, each padded to `context` samples (0: the shortest that fits), peaks at one half."""
    sizes = [max(context, context_of(len(i.samples))) for i in items]
    heard = [""] * len(items)
    for size in sorted(set(sizes)):
        members = [k for k, s in enumerate(sizes) if s == size]
        step = max(1, batch_seconds * RATE // size)
        for at in range(0, len(members), step):
            rows = members[at : at + step]
            sound = np.zeros((len(rows), size), np.float32)
            for row, k in enumerate(rows):
                wave = items[k].samples[:size].astype(np.float32)
                sound[row, : len(wave)] = wave / (np.abs(wave).max() + 1) * 0.5
            tokens, _ = greedy(model, logmel(torch.from_numpy(sound).to(device)), kind)
            for row, k in enumerate(rows):
                heard[k] = tokenizer.decode(tokens[row]).strip()
    return heard


def word_error_rates(items: list[Item], heard: list[str]) -> dict[str, tuple[float, int]]:
    """For each group: (word error rate, words)."""
    totals: dict[str, list[int]] = {}
    for item, text in zip(items, heard):
        wrong, words = errors(item.text, text)
        total = totals.setdefault(item.group, [0, 0])
        total[0] += wrong
        total[1] += words
    return {group: (wrong / max(1, words), words) for group, (wrong, words) in totals.items()}
