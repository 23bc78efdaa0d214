"""Greedy decoding of many rows at once, with cached keys and values."""

import torch
import torch.nn.functional as F

from .model import HEAD, Llama
from .tokenizer import END

BATCH_TOKENS = 65536
CHECK_EVERY = 8


@torch.no_grad()
def generate_batch(model: Llama, prompts: list[list[int]], limits: list[int], device: torch.device, kind: torch.dtype) -> list[list[int]]:
    """The tokens after each prompt up to <|end|>, at most `limits` each."""
    rows, longest, steps = len(prompts), max(map(len, prompts)), max(limits)
    room = min(longest + steps, model.shape.context)
    tokens = torch.full((rows, longest), END)
    for i, p in enumerate(prompts):
        tokens[i, : len(p)] = torch.tensor(p)
    tokens, at = tokens.to(device), torch.tensor([len(p) for p in prompts], device=device)
    every = torch.arange(rows, device=device)
    heads = model.shape.heads
    cache = torch.zeros(len(model.blk), 2, rows, heads, room, HEAD, device=device, dtype=kind)
    cos, sin = model.turns(torch.arange(longest, device=device).repeat(rows))
    x = F.embedding(tokens.reshape(-1), model.token_embd)
    for i, layer in enumerate(model.blk):
        q, k, v = (t.view(rows, longest, heads, HEAD).transpose(1, 2) for t in layer.before(x, cos, sin, kind))
        cache[i, 0, :, :, :longest], cache[i, 1, :, :, :longest] = k, v
        x = layer.after(x, F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(rows * longest, -1))
    x = x.view(rows, longest, -1)[every, at - 1]
    out, going = [], torch.ones(rows, dtype=torch.bool, device=device)
    for step in range(steps):
        token = torch.where(going, model.logits(x, kind).argmax(-1), END)
        going = going & (token != END)
        out.append(token)
        if step + 1 == steps or (step % CHECK_EVERY == 0 and not going.any()):
            break
        position = at.clamp(max=room - 1)
        cos, sin = model.turns(position)
        visible = (torch.arange(room, device=device)[None] <= position[:, None])[:, None, None]
        x = F.embedding(token, model.token_embd)
        for i, layer in enumerate(model.blk):
            q, k, v = layer.before(x, cos, sin, kind)
            cache[i, 0, every, :, position], cache[i, 1, every, :, position] = k, v
            seen = F.scaled_dot_product_attention(q[:, :, None], cache[i, 0], cache[i, 1], attn_mask=visible)
            x = layer.after(x, seen.reshape(rows, -1))
        at = at + 1
    written = torch.stack(out, 1).tolist()
    return [(row[: row.index(END)] if END in row else row)[:limit] for row, limit in zip(written, limits)]


def generate(model: Llama, prompts: list[list[int]], limits: list[int], device: torch.device, kind: torch.dtype) -> list[list[int]]:
    """As generate_batch, for any number of rows: similar lengths go together."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    out: list[list[int]] = [[] for _ in prompts]
    while order:
        batch = [order.pop()]
        size = len(prompts[batch[0]]) + limits[batch[0]]
        while order and (len(batch) + 1) * size <= BATCH_TOKENS:
            batch.append(order.pop())
        for i, row in zip(batch, generate_batch(model, [prompts[i] for i in batch], [limits[i] for i in batch], device, kind)):
            out[i] = row
    return out
