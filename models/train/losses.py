"""What training minimises: next tokens, and the side tasks that teach the encoder to hear and some heads to point."""

import torch
import torch.nn.functional as F

from .batch import IGNORE, Batch
from .model import GUIDED_HEADS, SideTasks, Whisper
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


def character_loss(heads: SideTasks, states: torch.Tensor, batch: Batch) -> torch.Tensor:
    """CTC (Graves et al. 2006) a character, over rows whose whole text is heard."""
    rows = batch.mel.shape[0]
    states = states.view(rows, -1, states.shape[-1])
    chosen = torch.from_numpy(batch.complete).to(states.device)
    scores = heads.characters(states[chosen].float()).log_softmax(-1).transpose(0, 1)
    counts = torch.from_numpy(batch.character_counts[batch.complete])
    lengths = torch.full_like(counts, states.shape[1])
    total = F.ctc_loss(scores, batch.characters[chosen], lengths, counts, blank=0, reduction="sum", zero_infinity=True)
    return total / max(1, int(counts.sum()))


def pointing_loss(attended: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Cross-entropy of the guided heads' attention [B, heads, L, T] against a bell over the time in which the token sounds."""
    frames = torch.arange(attended.shape[-1], device=attended.device)[None, None] + 0.5
    width = (batch.spread * 0.6).clamp(min=1.2)[..., None]
    bell = torch.exp(-0.5 * ((frames - batch.centre[..., None]) / width) ** 2)
    known = (batch.centre >= 0)[:, None]
    bell = bell / bell.sum(-1, keepdim=True).clamp(min=1e-6)
    cross = attended.logsumexp(-1) - (attended * bell[:, None]).sum(-1)
    return (cross * known).sum() / (known.sum() * attended.shape[1]).clamp(min=1)


def all_losses(model: Whisper, heads: SideTasks, batch: Batch, kind: torch.dtype, compiled: bool, characters: bool) -> dict[str, torch.Tensor]:
    states, hearing = model.encoder(batch.mel, kind, compiled)
    heard = model.decoder.listen(states, len(batch.tokens))
    logits, attended = model.decoder(batch.tokens, heard, kind, GUIDED_HEADS)
    phones, right = phone_loss(heads, hearing, batch)
    losses = {"token": token_loss(logits, batch), "phone": phones, "point": pointing_loss(attended, batch), "right": right.detach()}
    if characters and len(batch.complete):
        losses["character"] = character_loss(heads, states, batch)
    return losses
