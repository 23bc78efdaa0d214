"""What training minimises: next tokens, and the side tasks that teach the encoder to hear and some heads to point."""

import numpy as np
import torch
import torch.nn.functional as F

from .batch import IGNORE, Batch
from .model import SideTasks
from .tokenizer import VOCABULARY

LABEL_SMOOTHING = 0.05


def token_loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    return F.cross_entropy(logits.float().view(-1, VOCABULARY), batch.targets.view(-1), ignore_index=IGNORE, label_smoothing=LABEL_SMOOTHING)


def phone_loss(heads: SideTasks, states: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """(cross-entropy a frame, share of frames right) over the frames whose phone is known."""
    logits = heads.phones(states.float())
    labels = batch.phones.view(-1)
    known = labels != IGNORE
    count = known.sum().clamp(min=1)
    loss = F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="sum") / count
    return loss, ((logits.argmax(-1) == labels) & known).sum() / count


def character_loss(scores: torch.Tensor, characters: torch.Tensor, counts: np.ndarray) -> torch.Tensor:
    """CTC (Graves et al. 2006) a character of `scores` [rows, frames, classes]; rows with a count of 0 do not matter."""
    lengths = torch.full((len(counts),), scores.shape[1])
    losses = F.ctc_loss(scores.log_softmax(-1).transpose(0, 1), characters, lengths, torch.from_numpy(np.maximum(counts, 1)), reduction="none", zero_infinity=True)
    heard = torch.from_numpy((counts > 0).astype(np.float32)).to(scores.device, non_blocking=True)
    return (losses * heard).sum() / max(1, int(counts.sum()))


def pointing_loss(attended: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Cross-entropy of the guided heads' attention [B, heads, L, T] against a bell over the time in which the token sounds."""
    frames = torch.arange(attended.shape[-1], device=attended.device)[None, None] + 0.5
    width = (batch.spread * 0.6).clamp(min=1.2)[..., None]
    bell = torch.exp(-0.5 * ((frames - batch.centre[..., None]) / width) ** 2)
    known = (batch.centre >= 0)[:, None]
    bell = bell / bell.sum(-1, keepdim=True).clamp(min=1e-6)
    cross = attended.logsumexp(-1) - (attended * bell[:, None]).sum(-1)
    return (cross * known).sum() / (known.sum() * attended.shape[1]).clamp(min=1)
