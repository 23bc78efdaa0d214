"""All training speech on the device, growing while the synthesisers speak, and the choice of what the next batch holds."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .shards import FRAME, KINDS

REAL = KINDS.index("real")
BUCKETS = (2, 4, 6, 10, 15, 20, 30)
"""Seconds of audio in a row of a batch; each divides the batch's seconds."""
BATCH_SECONDS = 1800
LENGTH_MARGIN = 0.15


@dataclass
class Draw:
    """Which utterances make a batch, and how each lies in its row (host arrays, one entry a row)."""

    seconds: int
    utterance: np.ndarray
    kind: np.ndarray
    rate: np.ndarray
    lead: np.ndarray
    cut: np.ndarray
    stop: np.ndarray


class Corpus:
    """Ragged arrays in preallocated device memory; the tail of a full corpus is refused, not wrapped (training then goes on with what there is)."""

    def __init__(self, hours: float, device: torch.device) -> None:
        frames = int(hours * 3600 * 50)
        self.device = device
        self.samples = torch.zeros(frames * FRAME, dtype=torch.int16, device=device)
        self.phones = torch.zeros(frames, dtype=torch.uint8, device=device)
        self.tokens = torch.zeros(frames // 4, dtype=torch.int16, device=device)
        self.starts = torch.zeros(frames // 4, dtype=torch.int32, device=device)
        self.ends = torch.zeros(frames // 4, dtype=torch.int32, device=device)
        self.characters = torch.zeros(frames, dtype=torch.uint8, device=device)
        self._used = {"frames": 0, "tokens": 0, "characters": 0}
        self._facts: list[np.ndarray] = []
        self.facts = np.zeros((0, 8), np.int64)
        self.on_device = torch.zeros(0, 8, dtype=torch.int64, device=device)
        self._buckets: dict[tuple[int, bool], np.ndarray] = {}
        self._seen: set[str] = set()

    def follow(self, folder: Path, seconds: float) -> None:
        """Takes in new shards every so many seconds, in a thread, so that training does not wait for them."""

        def watch() -> None:
            while True:
                time.sleep(seconds)
                try:
                    self.add_new(folder)
                except Exception as problem:  # noqa: BLE001 - a broken shard must not end the growth
                    print(f"a shard was left out: {problem!r}", flush=True)

        threading.Thread(target=watch, daemon=True).start()

    @property
    def has_every_length(self) -> bool:
        """Whether there is synthetic speech for rows of every length: batches are drawn from it."""
        return all(len(self._buckets.get((bucket, False), ())) for bucket in BUCKETS)

    @property
    def hours(self) -> float:
        return float(self.facts[:, 1].sum() / 16000 / 3600)

    def add_new(self, folder: Path) -> int:
        """Takes in the shards of `folder` that were not taken yet; gives their number."""
        paths = sorted(p for p in folder.glob("*.npz") if p.name not in self._seen)
        for path in paths:
            self._seen.add(path.name)
            self._add(np.load(path))
        if paths:
            facts = np.concatenate(self._facts)
            self.on_device = torch.from_numpy(facts).to(self.device)
            self.facts = facts
            self._buckets = sort_by_length(facts)
        return len(paths)

    def _add(self, shard) -> None:
        frames, tokens, characters = len(shard["phones"]), len(shard["tokens"]), len(shard["characters"])
        used = self._used
        if used["frames"] + frames > len(self.phones) or used["tokens"] + tokens > len(self.tokens):
            return
        put = lambda target, at, values: target[at : at + len(values)].copy_(torch.from_numpy(values))  # noqa: E731
        put(self.samples, used["frames"] * FRAME, shard["samples"])
        put(self.phones, used["frames"], shard["phones"])
        put(self.tokens, used["tokens"], shard["tokens"])
        put(self.starts, used["tokens"], shard["starts"].astype(np.int32))
        put(self.ends, used["tokens"], shard["ends"].astype(np.int32))
        put(self.characters, used["characters"], shard["characters"])
        before = lambda counts: np.cumsum(counts) - counts  # noqa: E731
        counts = shard["sample_counts"].astype(np.int64)
        token_counts, character_counts = shard["token_counts"].astype(np.int64), shard["character_counts"].astype(np.int64)
        frame_counts = -(-counts // FRAME)
        self._facts.append(
            np.stack(
                [
                    used["frames"] + before(frame_counts),
                    counts,
                    used["tokens"] + before(token_counts),
                    token_counts,
                    used["characters"] + before(character_counts),
                    character_counts,
                    shard["kinds"].astype(np.int64),
                    shard["after"].astype(np.int64),
                ],
                1,
            )
        )
        used["frames"] += frames
        used["tokens"] += tokens
        used["characters"] += characters

    def draw(self, rng: np.random.Generator, seconds: int, real_share: float, strength: float, cut_share: float) -> Draw:
        """A batch of rows of `seconds`: real speech for `real_share` of them where there is any so long."""
        rows = BATCH_SECONDS // seconds
        shorter = [b for b in BUCKETS if b < seconds]
        buckets = self._buckets
        real = 0 if not len(buckets[seconds, True]) else int(rng.binomial(rows, real_share))
        chosen = []
        for kind, count in ((True, real), (False, rows - real)):
            pool = buckets[seconds, kind]
            take = rng.choice(pool, count)
            if shorter:
                other = buckets[int(rng.choice(shorter)), kind]
                if len(other):
                    take = np.where(rng.random(count) < 0.12, rng.choice(other, count), take)
            chosen.append(take)
        utterance = rng.permutation(np.concatenate(chosen))
        count, kinds = self.facts[utterance, 1], self.facts[utterance, 6]
        size = seconds * 16000
        rate = np.where(rng.random(rows) < 0.6 * min(1.0, 2 * strength), 1 + (rng.random(rows) - 0.5) * 0.32 * strength, 1.0)
        rate = np.maximum(rate, count / (size - 320.0))
        length = np.ceil(count / rate).astype(np.int64)
        room = size - length
        lead = np.minimum((rng.random(rows) ** 2 * 9600).astype(np.int64), room)
        tail = np.minimum((rng.random(rows) ** 2 * 16000).astype(np.int64), room - lead)
        stop = np.where(rng.random(rows) < 0.1, size, lead + length + tail)
        cut = np.full(rows, np.iinfo(np.int32).max, np.int64)
        cutting = (rng.random(rows) < cut_share) & (kinds != REAL)
        cut[cutting] = (lead + length * (0.15 + 0.85 * rng.random(rows)))[cutting]
        return Draw(seconds, utterance, kinds, rate, lead, cut, np.minimum(stop, cut))


def sort_by_length(facts: np.ndarray) -> dict[tuple[int, bool], np.ndarray]:
    """The utterances of each bucket, synthetic (False) and real (True) apart."""
    seconds, real = facts[:, 1] / 16000, facts[:, 6] == REAL
    buckets, low = {}, 0.0
    for bucket in BUCKETS:
        inside = (seconds > low - LENGTH_MARGIN) & (seconds <= bucket - LENGTH_MARGIN)
        for kind in (False, True):
            buckets[bucket, kind] = np.flatnonzero(inside & (real == kind))
        low = bucket
    return buckets
