"""From a draw to tensors: the augmented log-mel, the phones of each frame, the decoder's tokens, targets and where each token sounds."""

from dataclasses import dataclass

import numpy as np
import torch

from .augment import augment, without_speech
from .corpus import Corpus, Draw
from .logmel import WARPS, LogMel, mask_spectrum
from .shards import FRAME, NO_TIME, UNKNOWN
from .tokenizer import IDS, VOCABULARY

IGNORE = -100
SILENT_SHARE = 0.03
HEARD_TOLERANCE = 2
"""A word that ends at most this many frames after the cut still counts as heard."""


@dataclass
class Batch:
    """Shapes: rows B, frames T of 20 ms, decoder positions L."""

    mel: torch.Tensor
    phones: torch.Tensor
    tokens: torch.Tensor
    targets: torch.Tensor
    centre: torch.Tensor
    """[B, L] frame where the token to be predicted sounds, or -1."""
    spread: torch.Tensor
    """[B, L] half the frames for which it sounds."""
    characters: torch.Tensor
    character_counts: np.ndarray
    complete: np.ndarray
    """Rows whose whole text is heard: those the character task may use."""


class Batcher:
    def __init__(self, corpus: Corpus, context: torch.Tensor, context_at: np.ndarray, logmel: LogMel, seed: int) -> None:
        """`context`: all training sentences as one run of tokens; `context_at[i]`: where sentence i begins in it."""
        self._corpus, self._context, self._context_at, self._logmel = corpus, context, context_at, logmel
        self._rng = np.random.default_rng(seed)

    def make(self, draw: Draw, strength: float, prompt_tokens: int, corrupt: float = 0.06) -> Batch:
        """`prompt_tokens` > 0: about 70 % of the rows begin with up to so many tokens of previous text."""
        corpus, device = self._corpus, self._corpus.device
        rows, size = len(draw.utterance), draw.seconds * 16000
        to = lambda a: torch.from_numpy(np.ascontiguousarray(a)).to(device, non_blocking=True)  # noqa: E731
        facts = corpus.on_device[to(draw.utterance)]
        rate, lead, cut, stop = to(draw.rate.astype(np.float32))[:, None], to(draw.lead)[:, None], to(draw.cut)[:, None], to(draw.stop)
        samples = self._samples(facts, rate, lead, cut, size)
        silent = self._rng.random(rows) < SILENT_SHARE
        quiet = to(np.flatnonzero(silent))
        samples = augment(samples, stop, strength)
        if len(quiet):
            recorded = torch.arange(size, device=device)[None] < to(self._rng.integers(8000, size + 1, len(quiet)))[:, None]
            samples[quiet] = without_speech(len(quiet), size, device) * recorded
        low, high = WARPS // 2 - int(strength * (WARPS // 2) * 0.85), WARPS // 2 + int(strength * (WARPS // 2) * 0.85)
        warp = torch.randint(low, high + 1, (rows,), device=device)
        warp = torch.where(torch.rand(rows, device=device) < 0.35, WARPS // 2, warp)
        mel = mask_spectrum(self._logmel(samples, warp), strength)

        frames = size // FRAME
        phones = self._phones(facts, rate, lead, stop, frames)
        phones[quiet] = IGNORE
        prompts = self._prompts(draw, prompt_tokens)
        text = self._text(draw, facts, rate, lead, cut, to(silent), prompts, corrupt)
        complete = np.flatnonzero((draw.cut > size) & ~silent)
        counts = corpus.facts[draw.utterance, 5]
        width = int(counts.max()) if len(counts) else 1
        at = (facts[:, 4:5] + torch.arange(width, device=device)[None]).clamp(max=len(corpus.characters) - 1)
        return Batch(mel, phones, *text, corpus.characters[at].long(), counts, complete)

    def _samples(self, facts, rate, lead, cut, size: int) -> torch.Tensor:
        """Each utterance at its place and its rate (linear interpolation), silence where it is cut."""
        position = torch.arange(size, device=facts.device)[None]
        source = (position - lead) * rate
        inside = (source >= 0) & (source <= facts[:, 1:2] - 1) & (position < cut)
        whole = source.clamp(min=0).long().minimum(facts[:, 1:2] - 1)
        at = facts[:, 0:1] * FRAME + whole
        first = self._corpus.samples[at].float()
        second = self._corpus.samples[(at + 1).minimum((facts[:, 0:1] * FRAME) + facts[:, 1:2] - 1)].float()
        share = (source - whole).float().clamp(0, 1)
        return torch.where(inside, first + (second - first) * share, 0.0) / 32768

    def _phones(self, facts, rate, lead, stop, frames: int) -> torch.Tensor:
        position = torch.arange(frames, device=facts.device)[None] + 0.5
        source = ((position - lead / FRAME) * rate).floor().long()
        count = (facts[:, 1:2] + FRAME - 1) // FRAME
        inside = (source >= 0) & (source < count) & (position * FRAME < stop[:, None])
        labels = self._corpus.phones[facts[:, 0:1] + source.clamp(min=0).minimum(count - 1)].long()
        return torch.where(inside & (labels != UNKNOWN), labels, IGNORE)

    def _prompts(self, draw: Draw, longest: int) -> tuple[np.ndarray, np.ndarray]:
        """(where the previous text ends in the context, how many tokens of it): the true text before for a half, any other for the rest."""
        rows = len(draw.utterance)
        if not longest:
            return np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        after = self._corpus.facts[draw.utterance, 7]
        true = self._context_at[np.maximum(after, 0)]
        other = self._rng.integers(0, len(self._context), rows)
        end = np.where((after >= 0) & (self._rng.random(rows) < 0.7), true, other)
        count = np.where(self._rng.random(rows) < 0.7, self._rng.integers(1, longest + 1, rows), 0)
        return end, np.minimum(count, end)

    def _text(self, draw, facts, rate, lead, cut, silent, prompts, corrupt: float):
        """(tokens, targets, centre, spread). Row: [previous, context...] start, language, task, no timestamps, text..., end."""
        corpus, device = self._corpus, facts.device
        end, prompt_count = (torch.from_numpy(a).to(device)[:, None] for a in prompts)
        longest = int(corpus.facts[draw.utterance, 3].max())
        before = int(prompts[1].max())
        total = longest + 6 + (before + 1 if before else 0)
        k = torch.arange(longest, device=device)[None]
        at = (facts[:, 2:3] + k).clamp(max=len(corpus.tokens) - 1)
        start, stop = corpus.starts[at], corpus.ends[at]
        timed = start != NO_TIME
        start, stop = (lead / FRAME + x / rate for x in (start, stop))
        heard = (k < facts[:, 3:4]) & (~timed | (stop * FRAME <= cut + HEARD_TOLERANCE * FRAME)) & ~silent[:, None]
        words = heard.sum(1, keepdim=True)
        tokens = corpus.tokens[at].long()

        shift = torch.where(prompt_count > 0, prompt_count + 1, 0)
        j = torch.arange(total, device=device)[None] - shift
        prompt = torch.tensor(IDS.prompt, device=device)
        context = self._context[(end + j).clamp(0, len(self._context) - 1)].long()
        text_at = (j - 4).clamp(0, longest - 1).expand(len(tokens), total)
        spoken = tokens.gather(1, text_at)
        wrong = (torch.rand(len(tokens), 1, device=device) < 0.5) & (torch.rand(spoken.shape, device=device) < corrupt)
        shown = torch.where(wrong, torch.randint(0, VOCABULARY - 9, spoken.shape, device=device), spoken)
        inside = (j >= 4) & (j < 4 + words)
        full = torch.where(j < 0, torch.where(j == -shift, IDS.previous, context), IDS.end)
        full = torch.where((j >= 0) & (j < 4), prompt[j.clamp(0, 3)], full)
        given = torch.where(inside, shown, full)

        target = torch.full_like(full, IGNORE)
        target = torch.where(j == 0, torch.where(silent[:, None], IDS.no_speech, IDS.english), target)
        predicted = (j - 3).clamp(0, longest - 1).expand(len(tokens), total)
        predicts = (j >= 3) & (j < 3 + words)
        target = torch.where(predicts, tokens.gather(1, predicted), target)
        target = torch.where(j == 3 + words, IDS.end, target)
        guided = predicts & timed.gather(1, predicted)
        start, stop = start.gather(1, predicted).float(), stop.gather(1, predicted).float()
        return given, target, torch.where(guided, (start + stop) / 2, -1.0), ((stop - start) / 2).clamp(min=1.0)

