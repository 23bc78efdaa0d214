"""The network that GGUF calls `llama`: RMSNorm, rotary positions (adjacent pairs), SwiGLU, tied embeddings."""

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from .tokenizer import VOCABULARY

HEAD = 64
EPSILON = 1e-5
ROPE_BASE = 10000.0


@dataclass(frozen=True)
class Shape:
    width: int = 384
    layers: int = 8
    inner: int = 1024
    context: int = 1024

    @property
    def heads(self) -> int:
        return self.width // HEAD


def rms_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    x = x.float()
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * weight


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """x [rows, heads, 64], cos and sin [rows, 1, 32] in float32: turns the pairs (0, 1), (2, 3) ..."""
    a, b = x[..., 0::2].float(), x[..., 1::2].float()
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2).to(x.dtype)


def before_attention(x, norm, wq, wk, wv, cos, sin, kind: torch.dtype):
    """Residual [rows, width] in float32 -> query, key, value [rows, heads, 64] in `kind`."""
    y = rms_norm(x, norm).to(kind)
    q, k, v = (F.linear(y, w.to(kind)).view(x.shape[0], -1, HEAD) for w in (wq, wk, wv))
    return rotate(q, cos, sin), rotate(k, cos, sin), v


def after_attention(x, seen, wo, norm, gate, up, down):
    """Adds the attention's output [rows, width] and the feed-forward block to the residual."""
    kind = seen.dtype
    x = x + F.linear(seen, wo.to(kind))
    y = rms_norm(x, norm).to(kind)
    return x + F.linear(F.silu(F.linear(y, gate.to(kind))) * F.linear(y, up.to(kind)), down.to(kind))


class Kernels:
    """The row-wise halves of a layer, compiled or plain: a fixed token budget gives them one shape for rows of every length."""

    before = staticmethod(before_attention)
    after = staticmethod(after_attention)

    @classmethod
    def compile(cls) -> None:
        cls.before = staticmethod(torch.compile(before_attention, dynamic=False))
        cls.after = staticmethod(torch.compile(after_attention, dynamic=False))

    @classmethod
    def plain(cls) -> None:
        cls.before, cls.after = staticmethod(before_attention), staticmethod(after_attention)


class Layer(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, inner = shape.width, shape.inner
        self.attn_norm, self.ffn_norm = nn.Parameter(torch.ones(width)), nn.Parameter(torch.ones(width))
        for name, rows, columns in (
            ("attn_q", width, width), ("attn_k", width, width), ("attn_v", width, width), ("attn_output", width, width),
            ("ffn_gate", inner, width), ("ffn_up", inner, width), ("ffn_down", width, inner),
        ):  # fmt: skip
            std = 0.02 / (2 * shape.layers) ** 0.5 if name in ("attn_output", "ffn_down") else columns**-0.5
            self.register_parameter(name, nn.Parameter(torch.randn(rows, columns) * std))

    def before(self, x, cos, sin, kind: torch.dtype, compiled: bool = False):
        run = Kernels.before if compiled else before_attention
        return run(x, self.attn_norm, self.attn_q, self.attn_k, self.attn_v, cos, sin, kind)

    def after(self, x, seen, compiled: bool = False):
        run = Kernels.after if compiled else after_attention
        return run(x, seen, self.attn_output, self.ffn_norm, self.ffn_gate, self.ffn_up, self.ffn_down)


class Llama(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Parameter(torch.randn(VOCABULARY, shape.width) * 0.02)
        self.blk = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = nn.Parameter(torch.ones(shape.width))
        angles = torch.arange(shape.context)[:, None] * ROPE_BASE ** (-torch.arange(0, HEAD, 2) / HEAD)
        self.register_buffer("angles", angles, persistent=False)

    def turns(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        angles = self.angles[positions][:, None]
        return angles.cos(), angles.sin()

    def logits(self, x: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
        return F.linear(rms_norm(x, self.output_norm).to(kind), self.token_embd.to(kind))

    def forward(self, tokens: torch.Tensor, kind: torch.dtype, compiled: bool = False) -> torch.Tensor:
        """tokens [batch, n], padded at the end -> logits [batch * n, vocabulary]."""
        batch, count = tokens.shape
        cos, sin = self.turns(torch.arange(count, device=tokens.device).repeat(batch))
        x = F.embedding(tokens.reshape(-1), self.token_embd)
        for layer in self.blk:
            q, k, v = (t.view(batch, count, -1, HEAD).transpose(1, 2) for t in layer.before(x, cos, sin, kind, compiled))
            seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = layer.after(x, seen.transpose(1, 2).reshape(batch * count, -1), compiled)
        return self.logits(x, kind)
