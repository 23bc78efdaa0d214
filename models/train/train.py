"""Trains the recogniser while the synthesisers are still speaking; the schedule follows the share of the time that is spent."""

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from .batch import Batcher
from .corpus import BATCH_SECONDS, BUCKETS, Corpus
from .export import export_model
from .judge import load_items, shard_items, transcribe, word_error_rates
from .logmel import LogMel
from .losses import all_losses
from .model import Kernels, SideTasks, Whisper
from .muon import Muon
from .tokenizer import load_tokenizer

CLIP = 1.0
DEV_STRIDE = 4
"""During training only every fourth recording of the held-out speakers is judged."""
CHARACTER_BUCKET = 10
"""The longest rows (seconds) that the character task sees: CTC is slow on long ones."""


@dataclass
class Recipe:
    """Everything that two runs may differ in. Times are shares of the whole run."""

    seconds: float = 1320
    optimizer: str = "muon"
    lr: float = 2e-3
    muon_lr: float = 1e-2
    weight_decay: float = 0.03
    warmup_steps: int = 400
    clean_until: float = 0.03
    strong_from: float = 0.18
    strength: float = 0.8
    real_from: float = 0.05
    real_share: float = 0.4
    cut_share: float = 0.25
    hours: float = 260
    compile: bool = True
    judge_every: float = 220


def ramp(x: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (x - low) / (high - low)))


class Schedule:
    """What the recipe says at a share `x` of the run."""

    def __init__(self, recipe: Recipe) -> None:
        self._r = recipe

    def rate(self, x: float, step: int) -> float:
        """Factor of the peak learning rate: linear warm-up, then a half cosine down to nothing."""
        return min(1.0, (step + 1) / self._r.warmup_steps) * 0.5 * (1 + math.cos(math.pi * min(1.0, x)))

    def strength(self, x: float) -> float:
        return self._r.strength * (0.12 + 0.88 * ramp(x, self._r.clean_until, self._r.strong_from))

    def real_share(self, x: float) -> float:
        return self._r.real_share * ramp(x, self._r.real_from, self._r.real_from + 0.1)

    def cut_share(self, x: float) -> float:
        return self._r.cut_share * ramp(x, 0.08, 0.15)

    def bucket_weights(self, x: float) -> np.ndarray:
        """Short rows first; later every length."""
        early = np.array([2.0, 4, 2, 0.5, 0, 0, 0])
        late = np.array([1.0, 2.5, 2.5, 2, 1.5, 1, 1])
        mix = ramp(x, 0.03, 0.12)
        weights = early * (1 - mix) + late * mix
        return weights / weights.sum()

    def prompt_tokens(self, x: float, seconds: int, rng: np.random.Generator) -> int:
        """A third of the batches show previous text, seldom a long one; very short rows (many a batch) only a little."""
        if x < 0.08 or rng.random() > 0.33:
            return 0
        return int(rng.choice((16, 48))) if seconds <= 4 else int(rng.choice((32, 64, 220), p=(0.4, 0.45, 0.15)))

    def weights(self, x: float) -> dict[str, float]:
        late = ramp(x, 0.1, 0.5)
        return {"token": 0.3 + 0.7 * ramp(x, 0, 0.05), "phone": 1 - 0.7 * late, "character": 0.5 - 0.3 * late, "point": 0.15}


class Judge:
    """Word error rates on held-out speech during training, with a few texts to look at."""

    def __init__(self, work: Path, tests: Path | None, device: torch.device, kind: torch.dtype) -> None:
        self._tokenizer, self._logmel, self._device, self._kind = load_tokenizer(work / "tokenizer.json"), LogMel(device), device, kind
        self._items = shard_items(work / "synthetic-test.npz", self._tokenizer, "synthetic")[:200]
        if (work / "real-dev.npz").exists():
            self._items += load_items(work / "real-dev.npz")[::DEV_STRIDE]
        if tests:
            self._items += load_items(tests)

    def __call__(self, model: Whisper, show: int = 2) -> str:
        heard = transcribe(model, self._tokenizer, self._logmel, self._items, self._device, self._kind, batch_seconds=1500)
        rates = word_error_rates(self._items, heard)
        lines = ["  ".join(f"{group} {rate:.3f}" for group, (rate, _) in rates.items())]
        for group in rates:
            members = [k for k, item in enumerate(self._items) if item.group == group]
            lines += [f"    {group}: {self._items[k].text[:90]!r} -> {heard[k][:90]!r}" for k in members[:: max(1, len(members) // show)][:show]]
        return "\n".join(lines)


def optimizers(recipe: Recipe, model: Whisper, heads: SideTasks, fused: bool):
    """[(optimizer, peak learning rate)]: matrices of the layers by Muon if the recipe says so, everything else by AdamW."""
    trainable = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    muon = {n for n, p in trainable if recipe.optimizer == "muon" and ".layers." in n and p.ndim == 2}
    decayed = [p for n, p in trainable if n not in muon and p.ndim > 1]
    rest = [p for n, p in trainable if n not in muon and p.ndim <= 1] + list(heads.parameters())
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    made = [(torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.98), fused=fused), recipe.lr)]
    if muon:
        made.append((Muon([p for n, p in trainable if n in muon], recipe.muon_lr, weight_decay=recipe.weight_decay), recipe.muon_lr))
    return made


def clip(parameters: list[torch.nn.Parameter]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scales the gradients to a norm of at most CLIP without waiting for the device; gives (norm, 1.0 if it is not finite)."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    broken = (~torch.isfinite(norm)).float()
    torch._foreach_mul_(gradients, torch.where(broken > 0, 0.0, (CLIP / (norm + 1e-6)).clamp(max=1.0)))
    return norm, broken


def train(work: Path, out: Path, recipe: Recipe, device: torch.device, tests: Path | None, seed: int = 0) -> None:
    torch.manual_seed(seed)
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.set_float32_matmul_precision("high")
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1))
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    began = time.time()
    while not (work / "ready").exists():
        time.sleep(0.5)
    corpus = Corpus(recipe.hours, device)
    context = np.load(work / "context.npz")
    batcher = Batcher(corpus, torch.from_numpy(context["tokens"]).to(device), context["at"], LogMel(device), seed)
    model, heads = Whisper().to(device), SideTasks().to(device)
    parameters = [p for p in (*model.parameters(), *heads.parameters()) if p.requires_grad]
    opts = optimizers(recipe, model, heads, device.type == "cuda")
    if recipe.compile:
        Kernels.compile()
    judge, schedule, rng = Judge(work, tests, device, kind), Schedule(recipe), np.random.default_rng(seed)

    def say(text: str) -> None:
        print(f"[{out.name} {time.time() - began:.0f} s] {text}", flush=True)

    corpus.add_new(work / "shards")
    while not corpus.has_every_length:
        time.sleep(1)
        corpus.add_new(work / "shards")
    corpus.follow(work / "shards", 10)
    say(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters; corpus of {corpus.hours:.1f} h to begin with")
    sums: dict[str, torch.Tensor] = {}
    step, broken_steps = 0, torch.zeros((), device=device)
    last, next_judge = (0, time.time()), time.time() + recipe.judge_every
    while (x := (time.time() - began) / recipe.seconds) < 1:
        seconds = int(rng.choice(BUCKETS, p=schedule.bucket_weights(x)))
        draw = corpus.draw(rng, seconds, schedule.real_share(x), schedule.strength(x), schedule.cut_share(x))
        with torch.no_grad():
            batch = batcher.make(draw, schedule.strength(x), schedule.prompt_tokens(x, seconds, rng))
        losses = all_losses(model, heads, batch, kind, recipe.compile, seconds <= CHARACTER_BUCKET)
        weights = schedule.weights(x)
        sum(weights[name] * loss for name, loss in losses.items() if name in weights).backward()
        norm, broken = clip(parameters)
        broken_steps += broken
        for optimizer, peak in opts:
            if device.type == "cuda":
                optimizer.found_inf = broken
            for group in optimizer.param_groups:
                group["lr"] = peak * schedule.rate(x, step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        for name, value in (*losses.items(), ("norm", norm)):
            total = sums.setdefault(name, torch.zeros(2, device=device))
            total += torch.stack([value.detach().float().nan_to_num(0, 0, 0), torch.ones((), device=device)])
        step += 1
        if step % 200 == 0 or step in (20, 60, 100):
            means = "  ".join(f"{name} {(total[0] / total[1]).item():.3f}" for name, total in sums.items())
            pace = (time.time() - last[1]) / (step - last[0]) * 1000
            say(f"step {step} ({x:.0%})  {means}  {pace:.0f} ms a step, {corpus.hours:.0f} h, {int(broken_steps.item())} broken")
            sums, last = {}, (step, time.time())
        if time.time() > next_judge:
            say("judged: " + judge(model, 1))
            export_model(model, work / "tokenizer.json", out)
            next_judge, last = time.time() + recipe.judge_every, (step, time.time())
    export_model(model, work / "tokenizer.json", out)
    say(f"{step} steps of {BATCH_SECONDS} s; " + judge(model, 3))
    (out / "done").touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="the folder that prepare.py writes")
    parser.add_argument("--out", type=Path, required=True, help="where the model goes")
    parser.add_argument("--tests", type=Path, help="test.npz of evaluate.py")
    parser.add_argument("--device", default="cuda")
    defaults = Recipe()
    for name, value in asdict(defaults).items():
        kind = (lambda text: text != "no") if isinstance(value, bool) else type(value)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=value)
    options = parser.parse_args()
    recipe = Recipe(**{name: getattr(options, name) for name in asdict(defaults)})
    train(options.work, options.out, recipe, torch.device(options.device), options.tests)


if __name__ == "__main__":
    main()
