"""Greedy decoding of a batch with the recipe's own network: for judging, not for speed."""

import torch

from .model import Whisper
from .tokenizer import IDS

MAX_TOKENS = 200


@torch.no_grad()
def greedy(model: Whisper, mel: torch.Tensor, kind: torch.dtype, limit: int = MAX_TOKENS) -> tuple[list[list[int]], torch.Tensor]:
    """mel [batch, 80, 2 * frames] -> (text tokens of each row, probability of no speech at the start token [batch])."""
    states, _ = model.encoder(mel, kind)
    batch = mel.shape[0]
    tokens = torch.tensor(IDS.prompt, device=mel.device)[None].repeat(batch, 1)
    done = torch.zeros(batch, dtype=torch.bool, device=mel.device)
    no_speech = torch.zeros(batch)
    for step in range(limit):
        logits, _ = model.decoder(tokens, states, kind)
        if step == 0:
            no_speech = logits[:, 0].float().softmax(-1)[:, IDS.no_speech].cpu()
        scores = logits[:, -1].float()
        scores[:, IDS.end + 1 :] = float("-inf")
        best = torch.where(done, IDS.end, scores.argmax(-1))
        done |= best == IDS.end
        tokens = torch.cat([tokens, best[:, None]], 1)
        if step % 8 == 7 and done.all():
            break
    rows = tokens[:, len(IDS.prompt) :].tolist()
    return [row[: row.index(IDS.end)] if IDS.end in row else row for row in rows], no_speech
