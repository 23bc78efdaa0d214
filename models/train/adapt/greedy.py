"""The likeliest text, token by token, of many windows at once."""
import torch
import torch.nn.functional as F

from graph import Recorded


class Greedy:
    """Decodes batches of up to `rows` windows of `frames` encoder frames, with texts of up to `length` tokens. `weights` may change in place
    between calls."""

    def __init__(self, model, weights, rows, frames, length):
        self.model, self.weights, device = model, weights, model.device
        self.prompt_length = len(model.prompt(next(iter(model.languages), None)))
        self.positions = min(model.positions, self.prompt_length + length)
        kind, size = weights['encoder.conv1.bias'].dtype, model.width // model.decoder_heads
        shape = lambda n: (rows, model.decoder_heads, n, size)
        memory = lambda n: [[torch.zeros(shape(n), dtype=kind, device=device) for _ in 'kv'] for _ in range(model.decoder_layers)]
        self.cross, self.past = memory(frames), memory(self.positions)
        self.tokens = torch.zeros(rows, self.positions + 1, dtype=torch.long, device=device)
        self.at = torch.zeros(1, dtype=torch.long, device=device)
        self.done = torch.zeros(rows, dtype=torch.bool, device=device)
        self.total, self.count = torch.zeros(rows, device=device), torch.zeros(rows, device=device)
        self.places = torch.arange(self.positions, device=device)
        self.banned = torch.zeros(weights['decoder.embed_tokens.weight'].shape[0], device=device)
        self.banned[model.suppressed] = -1e9
        self.banned[model.end + 1:] = -1e9
        self.banned_first = torch.zeros_like(self.banned)
        self.banned_first[model.suppressed_first[model.suppressed_first != model.end]] = -1e9
        self.step = Recorded(self.one_step, device, warm_up=0)

    def one_step(self):
        """The token after the one at `at`, unless the prompt says it."""
        model, at, end = self.model, self.at, self.model.end
        state = model.decode_one(self.weights, self.tokens.index_select(1, at), at, (self.places <= at)[None, None, None], self.cross, self.past)
        logits = F.linear(state[:, 0], self.weights['decoder.embed_tokens.weight']).float()
        logits += self.banned + self.banned_first * (at == self.prompt_length - 1)
        best = logits.log_softmax(-1).max(-1)
        is_text = at >= self.prompt_length - 1
        token = torch.where(self.done, end, best.indices)
        self.total += torch.where(self.done | ~is_text, 0, best.values)
        self.count += ~self.done & is_text
        self.done |= (token == end) & is_text
        at += 1
        self.tokens.index_copy_(1, at, torch.where(is_text, token, self.tokens.index_select(1, at)[:, 0])[:, None])

    @torch.no_grad()
    def __call__(self, states, prompts, length):
        """Token ids [rows, <= length], which of them ended, and each row's mean log-probability."""
        rows = len(states)
        for kept, new in zip(self.cross, self.model.cross(self.weights, states)):
            for a, b in zip(kept, new):
                a[:rows] = b
        self.tokens[:rows, :self.prompt_length] = torch.tensor(prompts, device=self.model.device)
        for state in (self.at, self.total, self.count):
            state.zero_()
        self.done.zero_()
        self.done[rows:] = True
        if self.step.is_recorded and self.step.graph is None:
            self.one_step()
            self.step.record()
            return self(states, prompts, length)
        steps = min(self.prompt_length + length, self.positions) - 1
        for i in range(steps):
            self.step()
            if i % 8 == 7 and bool(self.done.all()):
                break
        text = self.tokens[:rows, self.prompt_length:i + 2]
        return text, self.done[:rows], self.total[:rows] / self.count[:rows].clamp(min=1)
