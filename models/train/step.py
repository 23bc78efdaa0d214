"""One training step of fixed shape, plain or recorded as CUDA graphs: launching its two thousand kernels one by one takes longer than running them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from .batch import COLUMNS, Batcher, Plan
from .losses import character_loss, phone_loss, pointing_loss, token_loss
from .model import GUIDED_HEADS, SideTasks, Whisper

CLIP = 1.0
LOSSES = ("token", "phone", "point", "character")
REPORTED = (*LOSSES, "right", "norm", "broken")
CHARACTER_BUCKET = 10
"""The longest rows (seconds) that the character task sees: CTC is slow on long ones."""
WARM_UPS = 2
"""Plain steps of a shape before it is recorded: they compile kernels, plan FFTs and fill caches."""


class RecordingFailed(Exception):
    """A step could not be recorded; the device's random numbers may be unusable afterwards, so begin again in a new process without graphs."""


@dataclass
class _Recorded:
    plan: torch.Tensor
    hear: torch.cuda.CUDAGraph
    learn: torch.cuda.CUDAGraph
    scores: torch.Tensor
    characters: torch.Tensor
    slope: torch.Tensor


class TrainingStep:
    """`hear` (batch, encoder, character scores), CTC (needs lengths on the host, so it is never recorded), `learn` (decoder, losses, backward), update."""

    def __init__(
        self,
        model: Whisper,
        heads: SideTasks,
        batcher: Batcher,
        optimizers: list[tuple[torch.optim.Optimizer, float]],
        kind: torch.dtype,
        compiled: bool,
        device: torch.device,
    ) -> None:
        self._model, self._heads, self._batcher = model, heads, batcher
        self._optimizers = [optimizer for optimizer, _ in optimizers]
        self._kind, self._compiled, self._device = kind, compiled, device
        self._parameters = [p for p in (*model.parameters(), *heads.parameters()) if p.requires_grad]
        scalar = lambda: torch.zeros((), device=device)  # noqa: E731
        self._strength, self._weights = scalar(), torch.zeros(len(LOSSES), device=device)
        self._sums, self._counts = torch.zeros(len(REPORTED), device=device), dict.fromkeys(REPORTED, 0)
        self._rates: list[tuple[torch.Tensor, float]] = []
        for optimizer, peak in optimizers:
            rate = scalar()
            for group in optimizer.param_groups:
                group["lr"] = rate
            self._rates.append((rate, peak))
        for p in self._parameters:
            p.grad = torch.zeros_like(p)
        self._recorded: dict[tuple[int, int], _Recorded] = {}
        self._update_graph: torch.cuda.CUDAGraph | None = None
        self._pool = None

    def __call__(self, plan: Plan, strength: float, weights: dict[str, float], rate: float) -> None:
        """Learns from one batch; `rate` is the factor of the peak learning rates."""
        self._strength.fill_(strength)
        values = torch.tensor([weights[name] for name in LOSSES])
        self._weights.copy_(self._sent(values), non_blocking=True)
        for tensor, peak in self._rates:
            tensor.fill_(peak * rate)
        recorded = self._recorded.get(plan.shape)
        if recorded:
            recorded.plan.copy_(self._sent(torch.from_numpy(plan.rows)), non_blocking=True)
            recorded.hear.replay()
            if plan.seconds <= CHARACTER_BUCKET:
                recorded.slope.copy_(self._character_slope(recorded.scores, recorded.characters, plan.character_counts))
            recorded.learn.replay()
        else:
            batch, states, hearing, scores = self._hear(self._sent(torch.from_numpy(plan.rows)), plan.shape)
            slope = None
            if scores is not None:
                slope = self._character_slope(scores, batch.characters, plan.character_counts)
            self._learn(batch, states, hearing, scores, slope)
        if self._update_graph:
            self._update_graph.replay()
        else:
            self._update()
        for name in REPORTED:
            self._counts[name] += name != "character" or plan.seconds <= CHARACTER_BUCKET

    def record(self, shapes: list[tuple[int, int]], warm_up: Callable[[tuple[int, int]], None], lock, say: Callable[[str], None]) -> None:
        """Records every shape after `warm_up(shape)` ran it plainly. `lock` keeps other threads off the device meanwhile."""
        began = time.time()
        for shape in shapes:
            for _ in range(WARM_UPS):
                warm_up(shape)
            torch.cuda.synchronize()
            with lock:
                try:
                    self._record(shape)
                except Exception as problem:
                    raise RecordingFailed(f"CUDA graph of {shape}: {problem!r}") from problem
            warm_up(shape)
            torch.cuda.synchronize()
        torch.cuda.empty_cache()
        used = torch.cuda.max_memory_reserved() / 2**30
        say(f"CUDA graphs work: {len(shapes)} shapes recorded in {time.time() - began:.0f} s, {used:.0f} GB reserved at most")

    def report(self) -> dict[str, float]:
        """Means since the last report (sums for the steps that were not finite)."""
        values = self._sums.tolist()
        means = {name: value if name == "broken" else value / max(1, self._counts[name]) for name, value in zip(REPORTED, values)}
        self._sums.zero_()
        self._counts = dict.fromkeys(REPORTED, 0)
        return means

    def _sent(self, values: torch.Tensor) -> torch.Tensor:
        if self._device.type != "cuda":
            return values
        return values.pin_memory().to(self._device, non_blocking=True)

    def _hear(self, plan: torch.Tensor, shape: tuple[int, int]):
        with torch.no_grad():
            batch = self._batcher.make(plan, shape, self._strength)
        states, hearing = self._model.encoder(batch.mel, self._kind, self._compiled)
        scores = None
        if shape[0] <= CHARACTER_BUCKET:
            scores = self._heads.characters(states.view(len(plan), -1, states.shape[-1]).float())
        return batch, states, hearing, scores

    def _character_slope(self, scores: torch.Tensor, characters: torch.Tensor, counts: np.ndarray) -> torch.Tensor:
        """Gradient of the weighted character loss by the scores."""
        leaf = scores.detach().requires_grad_()
        loss = character_loss(leaf, characters, counts)
        (slope,) = torch.autograd.grad(loss, leaf)
        self._sums[LOSSES.index("character")] += loss.detach().nan_to_num(0, 0, 0)
        return slope.nan_to_num(0, 0, 0) * self._weights[LOSSES.index("character")]

    def _learn(self, batch, states, hearing, scores, slope) -> None:
        torch._foreach_zero_([p.grad for p in self._parameters])
        heard = self._model.decoder.listen(states, len(batch.tokens))
        logits, attended = self._model.decoder(batch.tokens, heard, self._kind, GUIDED_HEADS)
        phones, right = phone_loss(self._heads, hearing, batch)
        losses = torch.stack([token_loss(logits, batch), phones, pointing_loss(attended, batch)])
        total = (losses * self._weights[: len(losses)]).sum()
        ends, slopes = ([total], [None]) if scores is None else ([total, scores], [None, slope])
        torch.autograd.backward(ends, slopes)
        self._sums[: len(losses)] += losses.detach().nan_to_num(0, 0, 0)
        self._sums[REPORTED.index("right")] += right.detach()

    def _update(self) -> None:
        """Clips without waiting for the device. A step whose gradient is not finite changes nothing."""
        gradients = [p.grad for p in self._parameters]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        broken = (~torch.isfinite(norm)).float()
        torch._foreach_mul_(gradients, torch.where(broken > 0, 0.0, (CLIP / (norm + 1e-6)).clamp(max=1.0)))
        self._sums[REPORTED.index("norm")] += norm.nan_to_num(0, 0, 0)
        self._sums[REPORTED.index("broken")] += broken
        on_gpu = self._device.type == "cuda"
        if not on_gpu and broken.item():
            return
        for optimizer in self._optimizers:
            if on_gpu:
                optimizer.found_inf = broken
            optimizer.step()

    def _record(self, shape: tuple[int, int]) -> None:
        """On the stream that training runs on; graphs share their memory, as they never run at the same time."""
        stream = torch.cuda.current_stream()
        plan = torch.zeros(self._batcher.rows(shape[0]), len(COLUMNS), dtype=torch.float64, device=self._device)
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        hear, learn = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        with torch.cuda.graph(hear, pool=self._pool, stream=stream, capture_error_mode="thread_local"):
            batch, states, hearing, scores = self._hear(plan, shape)
        slope = None if scores is None else torch.zeros_like(scores)
        with torch.cuda.graph(learn, pool=self._pool, stream=stream, capture_error_mode="thread_local"):
            self._learn(batch, states, hearing, scores, slope)
        if not self._update_graph:
            update = torch.cuda.CUDAGraph()
            with torch.cuda.graph(update, pool=self._pool, stream=stream, capture_error_mode="thread_local"):
                self._update()
            self._update_graph = update
        kept = scores.detach() if scores is not None else plan
        self._recorded[shape] = _Recorded(plan, hear, learn, kept, batch.characters, slope if slope is not None else plan)
