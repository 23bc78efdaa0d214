"""New sentences from real recordings: the model, once it hears, finds where their words lie; runs of words are cut out and put together anew.

Seven hours hold few sentences, and a decoder that sees each a hundred times learns them by heart instead of listening."""

import random
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer

from .alignment import word_groups
from .judge import context_of
from .logmel import RATE, LogMel
from .model import GUIDED_HEADS, Whisper
from .shards import FRAME, ShardWriter
from .synth.voice import Utterance
from .text import as_sentence
from .tokenizer import IDS

LONGEST = 12 * RATE
BELIEVED = -1.2
"""Mean log-probability of the true tokens under which the model is not asked where a recording's words lie."""
PIECES = ((1, 0.25), (2, 0.3), (3, 0.25), (4, 0.2))
WORDS_OF_A_PIECE = (2, 8)
FASTEST = 15
"""Characters a second: a run of words that is shorter was cut at the wrong places."""
SAME_VOICE = 0.5
NEAR = 12
"""Recordings so near in the shard are mostly of one speaker."""
FADE = 80


@dataclass
class Cuttable:
    """A recording with its words and the samples at which it may be cut: before the first word, between words, after the last."""

    samples: np.ndarray
    words: list[str]
    cuts: list[int]


def quietest(samples: np.ndarray, first: int, last: int) -> int:
    """The quietest place between two frames: the middle of the frame of least energy."""
    frames = samples[first * FRAME : (last + 1) * FRAME].astype(np.float32)
    frames = frames[: len(frames) // FRAME * FRAME].reshape(-1, FRAME)
    return (first + int((frames**2).sum(1).argmin())) * FRAME + FRAME // 2 if len(frames) else first * FRAME


@torch.no_grad()
def find_words(model: Whisper, tokenizer: Tokenizer, logmel: LogMel, shard: dict[str, np.ndarray], device: torch.device, kind: torch.dtype) -> list[Cuttable]:
    """The recordings of a shard whose words the guided heads point to in order."""
    recordings, frame, token = [], 0, 0
    for count, tokens in zip(shard["sample_counts"].tolist(), shard["token_counts"].tolist()):
        item = (shard["samples"][frame * FRAME : frame * FRAME + count], shard["tokens"][token : token + tokens].tolist())
        if count <= LONGEST and 1 < tokens < 100 and not (recordings and recordings[-1][1] == item[1]):
            recordings.append(item)
        frame += -(-count // FRAME)
        token += tokens
    found: dict[int, Cuttable] = {}
    sizes = [context_of(len(samples)) for samples, _ in recordings]
    for size in sorted(set(sizes)):
        members = [k for k, s in enumerate(sizes) if s == size]
        step = max(1, 400 * RATE // size)
        for at in range(0, len(members), step):
            rows = members[at : at + step]
            width = max(len(recordings[k][1]) for k in rows)
            sound = np.zeros((len(rows), size), np.float32)
            given = np.full((len(rows), 4 + width), IDS.end)
            for row, k in enumerate(rows):
                samples, tokens = recordings[k]
                sound[row, : len(samples)] = samples / (np.abs(samples.astype(np.float32)).max() + 1) * 0.5
                given[row, : 4 + len(tokens)] = IDS.prompt + tokens
            states, _ = model.encoder(logmel(torch.from_numpy(sound).to(device)), kind)
            given = torch.from_numpy(given).to(device)
            logits, attended = model.decoder(given, model.decoder.listen(states, len(rows)), kind, GUIDED_HEADS)
            sure = logits[:, 3:-1].float().log_softmax(-1).gather(2, given[:, 4:, None])[..., 0].cpu().numpy()
            frames = attended.softmax(-1).mean(1).argmax(-1)[:, 3:-1].cpu().numpy()
            for row, k in enumerate(rows):
                samples, tokens = recordings[k]
                if sure[row, : len(tokens)].mean() > BELIEVED:
                    cuttable = cut_places(tokenizer, samples, tokens, frames[row, : len(tokens)])
                    if cuttable:
                        found[k] = cuttable
    return [found[k] for k in sorted(found)]


def cut_places(tokenizer: Tokenizer, samples: np.ndarray, tokens: list[int], frames: np.ndarray) -> Cuttable | None:
    """`frames`: where each token sounds. None where they run backwards."""
    groups = word_groups([tokenizer.decode([t]).startswith(" ") for t in tokens])
    words = tokenizer.decode(tokens).split()
    if len(groups) != len(words) or (np.diff(frames) < -2).any():
        return None
    between = [quietest(samples, int(frames[b - 1]), int(max(frames[b], frames[b - 1]))) for _, b in groups[:-1]]
    cuts = [0, *between, len(samples)]
    return Cuttable(samples, words, cuts) if all(a < b for a, b in zip(cuts, cuts[1:])) else None


def splice(recordings: list[Cuttable], writer: ShardWriter, hours: float, seed: int) -> None:
    """Fills the writer with utterances of one to four runs of words, each written as a sentence of its own."""
    rng, total = random.Random(seed), 0
    while total < hours * 3600 * RATE:
        anchor = rng.randrange(len(recordings))
        near = rng.random() < SAME_VOICE
        sounds, texts = [], []
        for _ in range(rng.choices([n for n, _ in PIECES], [p for _, p in PIECES])[0]):
            k = anchor + rng.randint(-NEAR, NEAR) if near else rng.randrange(len(recordings))
            piece = recordings[min(max(k, 0), len(recordings) - 1)]
            count = min(len(piece.words), rng.randint(*WORDS_OF_A_PIECE))
            first = rng.randint(0, len(piece.words) - count)
            words = " ".join(piece.words[first : first + count])
            if (piece.cuts[first + count] - piece.cuts[first]) * FASTEST < len(words) * RATE:
                continue
            sound = piece.samples[piece.cuts[first] : piece.cuts[first + count]].astype(np.float32)
            fade = np.minimum(1, np.minimum(np.arange(len(sound)), np.arange(len(sound))[::-1]) / FADE)
            sound = sound * fade * (16000 / (np.abs(sound).max() + 1))
            sounds += [sound, np.zeros(rng.randrange(800, 5600), np.float32)]
            texts.append(as_sentence(words))
        samples = np.concatenate([*sounds, np.zeros(0, np.float32)]).astype(np.int16)
        total += max(len(samples), FRAME)
        if texts and RATE // 3 < len(samples) <= 25 * RATE:
            writer.add(" ".join(texts), Utterance(samples, [], []), "real", -1)
