"""Real recorded speech: the training recordings (Opus packets and index.jsonl) and the test recordings (FLAC and manifest.jsonl)."""

import ctypes
import json
import random
import struct
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .shards import ShardWriter
from .synth.voice import RATE, Utterance

HELD_OUT_SPEAKERS = {"speechocean762": 15, "wuw_phone": 20}
"""So many speakers of each source are kept to judge by."""
JOINED_HOURS = 5
LONGEST_JOINED = 24 * RATE


@dataclass
class Recording:
    samples: np.ndarray
    text: str
    source: str
    speaker: str
    held_out: bool


def read_training_recordings(folder: Path, libopus: str, workers: int) -> list[Recording]:
    """All recordings that are not among the test recordings (`in_audio`); whole speakers are marked held out."""
    index = [json.loads(line) for line in open(folder / "index.jsonl")]
    index = [entry for entry in index if not entry["in_audio"]]
    held = set()
    for source, count in HELD_OUT_SPEAKERS.items():
        speakers = sorted({e["speaker"] for e in index if e["source"] == source})
        held |= set(random.Random(7).sample(speakers, min(count, len(speakers))))
    with ProcessPoolExecutor(workers, initializer=_open, initargs=(str(folder / "opus.bin"), libopus)) as pool:
        decoded = pool.map(_decode, [(e["offset"], e["bytes"], e["samples"]) for e in index], chunksize=50)
        return [
            Recording(samples, entry["text"].strip(), entry["source"], entry["speaker"], entry["speaker"] in held)
            for entry, samples in zip(index, decoded)
        ]


_opus: tuple[bytes, ctypes.CDLL] | None = None


def _open(path: str, library: str) -> None:
    global _opus
    lib = ctypes.CDLL(library)
    lib.opus_decoder_create.restype = ctypes.c_void_p
    with open(path, "rb") as file:
        _opus = (file.read(), lib)


def _decode(place: tuple[int, int, int]) -> np.ndarray:
    """Packets each preceded by their length as a little-endian u16."""
    assert _opus
    data, lib = _opus
    at, size, count = place
    end = at + size
    error = ctypes.c_int()
    decoder = ctypes.c_void_p(lib.opus_decoder_create(RATE, 1, ctypes.byref(error)))
    frame, frames = np.zeros(5760, np.int16), []
    while at < end:
        (length,) = struct.unpack_from("<H", data, at)
        packet = data[at + 2 : at + 2 + length]
        at += 2 + length
        got = lib.opus_decode(decoder, packet, length, frame.ctypes.data_as(ctypes.c_void_p), len(frame), 0)
        frames.append(frame[: max(0, got)].copy())
    lib.opus_decoder_destroy(decoder)
    return np.concatenate(frames)[:count]


def add_recordings(shard: ShardWriter, recordings: list[Recording]) -> None:
    for r in recordings:
        shard.add(r.text, Utterance(r.samples, [], []), "real", -1)


def joined(recordings: list[Recording]) -> list[Recording]:
    """Longer recordings: two to five of one speaker in a row, with pauses of 0.1-0.6 s between them."""
    rng = random.Random(11)
    by_speaker: dict[str, list[Recording]] = {}
    for r in recordings:
        by_speaker.setdefault(r.speaker, []).append(r)
    several = [rs for rs in by_speaker.values() if len(rs) > 5]
    weights = [sum(len(r.samples) for r in rs) for rs in several]
    out, total = [], 0
    while several and total < JOINED_HOURS * 3600 * RATE:
        parts = rng.sample(rng.choices(several, weights)[0], rng.randrange(2, 6))
        pieces = [np.concatenate([r.samples, np.zeros(rng.randrange(1600, 9600), np.int16)]) for r in parts]
        samples = np.concatenate(pieces)
        if len(samples) <= LONGEST_JOINED:
            out.append(Recording(samples, " ".join(r.text for r in parts), parts[0].source, parts[0].speaker, False))
            total += len(samples)
    return out
