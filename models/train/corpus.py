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
TOKEN_ROOM = (16, 28, 40, 64, 92, 124, 176)
"""Text tokens that a row of each bucket holds: shapes are fixed, so that a step can be recorded as a CUDA graph."""
BATCH_SECONDS = 1200
LENGTH_MARGIN = 0.15
UTTERANCES = 1_000_000
FORMANTS = 0.22
"""Real rows: the frequency axis is stretched by up to this (in logarithm), whatever happens to the tempo."""
TEMPOS = (0.74, 1.36)
"""Real rows: extremes of the speed; together with FORMANTS one recorded speaker stands for many."""


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
    warp: np.ndarray
    """Factor by which the mel filters move the spectrum (1: not at all)."""


class Corpus:
    """Ragged arrays in preallocated device memory; the tail of a full corpus is refused, not wrapped (training then goes on with what there is)."""

    def __init__(self, hours: float, device: torch.device, batch_seconds: int = BATCH_SECONDS) -> None:
        frames = int(hours * 3600 * 50)
        self.device, self.batch_seconds = device, batch_seconds
        self.samples = torch.zeros(frames * FRAME, dtype=torch.int16, device=device)
        self.phones = torch.zeros(frames, dtype=torch.uint8, device=device)
        self.tokens = torch.zeros(frames // 4, dtype=torch.int16, device=device)
        self.starts = torch.zeros(frames // 4, dtype=torch.int32, device=device)
        self.ends = torch.zeros(frames // 4, dtype=torch.int32, device=device)
        self.characters = torch.zeros(frames, dtype=torch.uint8, device=device)
        self._used = {"frames": 0, "tokens": 0, "characters": 0}
        self._facts: list[np.ndarray] = []
        self.facts = np.zeros((0, 8), np.int64)
        self.on_device = torch.zeros(UTTERANCES, 8, dtype=torch.int64, device=device)
        """`facts` on the device; its place never changes, only more rows are filled."""
        self.lock = threading.Lock()
        """Held while shards are taken in: a CUDA graph must not be recorded meanwhile."""
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
    def hours(self) -> float:
        return float(self.facts[:, 1].sum() / 16000 / 3600)

    def add_new(self, folder: Path) -> int:
        """Takes in the shards of `folder` that were not taken yet; gives their number."""
        paths = sorted(p for p in folder.glob("*.npz") if p.name not in self._seen)
        for path in paths:
            self._seen.add(path.name)
            with np.load(path) as file:
                self.add({name: file[name] for name in file.files}, publish=path == paths[-1])
        return len(paths)

    def add(self, shard: dict[str, np.ndarray], publish: bool = True) -> None:
        """Takes in one shard; its utterances are drawn from once a later call or this one publishes them."""
        with self.lock:
            self._add(shard)
            if publish:
                facts = np.concatenate([np.zeros((0, 8), np.int64), *self._facts])[:UTTERANCES]
                known = len(self.facts)
                self.on_device[known : len(facts)].copy_(torch.from_numpy(facts[known:]))
                if self.device.type == "cuda":
                    torch.cuda.current_stream().synchronize()
                self.facts, self._buckets = facts, sort_by_length(facts)

    @property
    def has_every_length(self) -> bool:
        return all(len(self._buckets.get((bucket, False), ())) for bucket in BUCKETS)

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
        rows = self.batch_seconds // seconds
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
                    take = np.where(rng.random(count) < (0.3 if kind else 0.12), rng.choice(other, count), take)
            chosen.append(take)
        utterance = rng.permutation(np.concatenate(chosen))
        count, kinds = self.facts[utterance, 1], self.facts[utterance, 6]
        size = seconds * 16000
        is_real = kinds == REAL
        mild = np.where(rng.random(rows) < 0.6 * min(1.0, 2 * strength), 1 + (rng.random(rows) - 0.5) * 0.32 * strength, 1.0)
        wide = np.exp(rng.uniform(np.log(TEMPOS[0]), np.log(TEMPOS[1]), rows) * strength)
        rate = np.where(is_real & (rng.random(rows) < 0.85), wide, mild)
        rate = np.maximum(rate, count / (size - 320.0))
        formants = np.exp(rng.uniform(-FORMANTS, FORMANTS, rows) * strength)
        warp = np.where(rng.random(rows) < 0.25, 1.0, np.where(is_real, formants / rate, formants))
        length = np.ceil(count / rate).astype(np.int64)
        room = size - length
        lead = np.minimum((rng.random(rows) ** 2 * 9600).astype(np.int64), room)
        tail = np.minimum((rng.random(rows) ** 2 * 16000).astype(np.int64), room - lead)
        stop = np.where(rng.random(rows) < 0.1, size, lead + length + tail)
        cut = np.full(rows, np.iinfo(np.int32).max, np.int64)
        cutting = (rng.random(rows) < cut_share) & (kinds != REAL)
        cut[cutting] = (lead + length * (0.15 + 0.85 * rng.random(rows)))[cutting]
        return Draw(seconds, utterance, kinds, rate, lead, cut, np.minimum(stop, cut), warp)


def sort_by_length(facts: np.ndarray) -> dict[tuple[int, bool], np.ndarray]:
    """The utterances of each bucket that holds their samples and their tokens, synthetic (False) and real (True) apart."""
    limits = np.array(BUCKETS) - LENGTH_MARGIN
    place = np.maximum(np.searchsorted(limits, facts[:, 1] / 16000), np.searchsorted(np.array(TOKEN_ROOM), facts[:, 3]))
    real = facts[:, 6] == REAL
    return {(bucket, kind): np.flatnonzero((place == i) & (real == kind)) for i, bucket in enumerate(BUCKETS) for kind in (False, True)}
