"""Whisper's network (Radford et al. 2022) with Hugging Face's parameter names, cut so that training compiles into a few fixed shapes."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from .logmel import MELS
from .shards import CHARACTERS, PHONE_CLASSES
from .tokenizer import VOCABULARY

WIDTH, HEADS, ENCODER_LAYERS, DECODER_LAYERS = 384, 6, 8, 3
SOURCE_POSITIONS, TARGET_POSITIONS = 1500, 448
PHONE_LAYER = 6
"""The phone head listens to the output of this many encoder layers; the rest is free for words."""
GUIDED_HEADS = ((1, 0), (1, 1), (2, 0), (2, 1))
"""Cross-attention heads (layer, head) taught to look where the token sounds."""
POSITION_SCALE = 0.1
"""Sinusoids of full size drown the convolutions' output at the start: measured, see README.md."""


def sinusoids(count: int, width: int) -> torch.Tensor:
    rates = torch.exp(-math.log(10000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(count)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], 1)


def cast_linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """A linear map in x's type whatever type the weights are kept in."""
    return F.linear(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))


def attention_inputs(x, norm_w, norm_b, q_w, q_b, k_w, v_w, v_b, kind: torch.dtype):
    """Residual [rows, width] -> query, key, value [rows, width] in `kind`."""
    y = F.layer_norm(x, (x.shape[-1],), norm_w, norm_b).to(kind)
    return cast_linear(y, q_w, q_b), cast_linear(y, k_w, None), cast_linear(y, v_w, v_b)


def after_attention(x, heard, out_w, out_b, norm_w, norm_b, w1, b1, w2, b2):
    """Adds the attention's projected output and the feed-forward block to the residual [rows, width]."""
    x = x + cast_linear(heard, out_w, out_b)
    y = F.layer_norm(x, (x.shape[-1],), norm_w, norm_b).to(heard.dtype)
    return x + cast_linear(F.gelu(cast_linear(y, w1, b1)), w2, b2)


class Kernels:
    """The row-wise halves of a layer, compiled or plain. Only rows x width enter them, so one batch budget means one shape for all lengths."""

    inputs = staticmethod(attention_inputs)
    finish = staticmethod(after_attention)

    @classmethod
    def compile(cls) -> None:
        cls.inputs = staticmethod(torch.compile(attention_inputs, dynamic=False, fullgraph=True))
        cls.finish = staticmethod(torch.compile(after_attention, dynamic=False, fullgraph=True))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(WIDTH, WIDTH)
        self.k_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.v_proj = nn.Linear(WIDTH, WIDTH)
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def inputs(self, x: torch.Tensor, norm: nn.LayerNorm, kind: torch.dtype, compiled: bool):
        run = Kernels.inputs if compiled else attention_inputs
        return run(x, norm.weight, norm.bias, self.q_proj.weight, self.q_proj.bias, self.k_proj.weight, self.v_proj.weight, self.v_proj.bias, kind)


def split_heads(x: torch.Tensor, batch: int) -> torch.Tensor:
    return x.view(batch, -1, HEADS, WIDTH // HEADS).transpose(1, 2)


def merge_heads(x: torch.Tensor) -> torch.Tensor:
    return x.transpose(1, 2).reshape(-1, WIDTH)


class EncoderLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.self_attn, self.self_attn_layer_norm = Attention(), nn.LayerNorm(WIDTH)
        self.fc1, self.fc2, self.final_layer_norm = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH), nn.LayerNorm(WIDTH)

    def finish(self, x: torch.Tensor, heard: torch.Tensor, projection: nn.Linear, compiled: bool) -> torch.Tensor:
        run = Kernels.finish if compiled else after_attention
        norm = self.final_layer_norm
        return run(x, heard, projection.weight, projection.bias, norm.weight, norm.bias, self.fc1.weight, self.fc1.bias, self.fc2.weight, self.fc2.bias)

    def forward(self, x: torch.Tensor, batch: int, kind: torch.dtype, compiled: bool) -> torch.Tensor:
        q, k, v = self.self_attn.inputs(x, self.self_attn_layer_norm, kind, compiled)
        heard = F.scaled_dot_product_attention(split_heads(q, batch), split_heads(k, batch), split_heads(v, batch))
        return self.finish(x, merge_heads(heard), self.self_attn.out_proj, compiled)


class DecoderLayer(EncoderLayer):
    def __init__(self) -> None:
        super().__init__()
        self.encoder_attn, self.encoder_attn_layer_norm = Attention(), nn.LayerNorm(WIDTH)

    def listen(self, audio: torch.Tensor, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross-attention keys and values [batch, heads, frames, width / heads] of audio [batch * frames, width]."""
        cross = self.encoder_attn
        keys = cast_linear(audio, cross.k_proj.weight, None)
        return split_heads(keys, batch), split_heads(cast_linear(audio, cross.v_proj.weight, cross.v_proj.bias), batch)

    def decode(self, x: torch.Tensor, heard_audio: tuple[torch.Tensor, torch.Tensor], batch: int, kind: torch.dtype, guided: list[int]):
        """(residual, attention logits [batch, guided, tokens, frames] or None)."""
        q, k, v = self.self_attn.inputs(x, self.self_attn_layer_norm, kind, False)
        heard = F.scaled_dot_product_attention(split_heads(q, batch), split_heads(k, batch), split_heads(v, batch), is_causal=True)
        x = x + cast_linear(merge_heads(heard), self.self_attn.out_proj.weight, self.self_attn.out_proj.bias)
        cross, norm = self.encoder_attn, self.encoder_attn_layer_norm
        y = F.layer_norm(x, (WIDTH,), norm.weight, norm.bias).to(kind)
        q = split_heads(cast_linear(y, cross.q_proj.weight, cross.q_proj.bias), batch)
        k, v = heard_audio
        heard = merge_heads(F.scaled_dot_product_attention(q, k, v))
        logits = None
        if guided:
            logits = (q[:, guided] @ k[:, guided].transpose(-1, -2)).float() / math.sqrt(WIDTH // HEADS)
        return self.finish(x, heard, cross.out_proj, False), logits


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(SOURCE_POSITIONS, WIDTH)
        self.embed_positions.weight.data = POSITION_SCALE * sinusoids(SOURCE_POSITIONS, WIDTH)
        self.embed_positions.weight.requires_grad_(False)
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(ENCODER_LAYERS))
        self.layer_norm = nn.LayerNorm(WIDTH)

    def forward(self, mel: torch.Tensor, kind: torch.dtype, compiled: bool = False):
        """mel [batch, 80, 2 * frames] -> (states, what the phone head hears), each [batch * frames, width] in `kind`."""
        batch = mel.shape[0]
        x = mel.to(kind)
        for conv in (self.conv1, self.conv2):
            x = F.gelu(F.conv1d(x, conv.weight.to(kind), conv.bias.to(kind), stride=conv.stride, padding=1))
        x = x.transpose(1, 2).float() + self.embed_positions.weight[: x.shape[2]]
        x = x.reshape(-1, WIDTH)
        for i, layer in enumerate(self.layers):
            if i == PHONE_LAYER:
                phones = x.to(kind)
            x = layer(x, batch, kind, compiled)
        return F.layer_norm(x, (WIDTH,), self.layer_norm.weight, self.layer_norm.bias).to(kind), phones


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.embed_positions = nn.Embedding(TARGET_POSITIONS, WIDTH)
        self.layers = nn.ModuleList(DecoderLayer() for _ in range(DECODER_LAYERS))
        self.layer_norm = nn.LayerNorm(WIDTH)

    def listen(self, audio: torch.Tensor, batch: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """What each layer's cross-attention sees of audio [batch * frames, width]."""
        return [layer.listen(audio, batch) for layer in self.layers]

    def forward(self, tokens: torch.Tensor, heard: list[tuple[torch.Tensor, torch.Tensor]], kind: torch.dtype, watched: tuple[tuple[int, int], ...] = ()):
        """tokens [batch, n] -> (logits [batch, n, vocabulary], attention logits of the `watched` (layer, head) [batch, watched, n, frames])."""
        batch, count = tokens.shape
        x = (self.embed_tokens(tokens) + self.embed_positions.weight[:count]).view(-1, WIDTH)
        attended = []
        for i, layer in enumerate(self.layers):
            x, logits = layer.decode(x, heard[i], batch, kind, [h for at, h in watched if at == i])
            if logits is not None:
                attended.append(logits)
        x = F.layer_norm(x, (WIDTH,), self.layer_norm.weight, self.layer_norm.bias).to(kind)
        return cast_linear(x, self.embed_tokens.weight, None).view(batch, count, -1), torch.cat(attended, 1) if attended else None


class Whisper(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02 if module.weight.shape[0] != WIDTH or module.weight.shape[1] == WIDTH else 0.01)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            if isinstance(module, nn.Conv1d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.decoder.embed_tokens.weight, std=0.02)
        nn.init.normal_(self.decoder.embed_positions.weight, std=0.01)


class SideTasks(nn.Module):
    """Heads that teach the encoder to hear and are thrown away: the phone of each frame, and characters by CTC."""

    def __init__(self) -> None:
        super().__init__()
        self.phones = nn.Linear(WIDTH, PHONE_CLASSES)
        self.characters = nn.Linear(WIDTH, len(CHARACTERS) + 1)
