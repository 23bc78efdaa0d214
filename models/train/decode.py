"""Greedy decoding of a batch with the recipe's own network: for judging, not for speed."""

import torch

from .logmel import HOP, RATE
from .model import Whisper
from .tokenizer import IDS

TOKENS_A_SECOND = 9
"""More than anybody says: a row that goes on longer is cut off."""


@torch.no_grad()
def greedy(model: Whisper, mel: torch.Tensor, kind: torch.dtype, previous: list[int] | None = None) -> tuple[list[list[int]], torch.Tensor]:
    """mel [batch, 80, 2 * frames] -> (text tokens of each row, probability of no speech at the start token [batch])."""
    states, _ = model.encoder(mel, kind)
    batch = mel.shape[0]
    heard = model.decoder.listen(states, batch)
    before = [IDS.previous, *previous] if previous else []
    tokens = torch.tensor(before + IDS.prompt, device=mel.device)[None].repeat(batch, 1)
    start, limit = len(before), int(12 + TOKENS_A_SECOND * mel.shape[2] * HOP / RATE)
    rows: list[list[int]] = [[] for _ in range(batch)]
    active = torch.arange(batch, device=mel.device)
    no_speech = torch.zeros(batch)
    for step in range(limit):
        logits, _ = model.decoder(tokens, heard, kind)
        if step == 0:
            no_speech = logits[:, start].float().softmax(-1)[:, IDS.no_speech].cpu()
        scores = logits[:, -1].float()
        scores[:, IDS.end + 1 :] = float("-inf")
        best = scores.argmax(-1)
        for row, token in zip(active.tolist(), best.tolist()):
            if token != IDS.end:
                rows[row].append(token)
        going = best != IDS.end
        if not going.any():
            break
        tokens, active = torch.cat([tokens, best[:, None]], 1)[going], active[going]
        if not going.all():
            heard = [(k[going], v[going]) for k, v in heard]
    return rows, no_speech
