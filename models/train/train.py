"""Trains the recogniser while the synthesisers are still speaking; the schedule follows the share of the time that is spent."""

import argparse
import contextlib
import json
import math
import sys
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
from .model import Kernels, SideTasks, Whisper
from .muon import Muon
from .shards import ShardWriter
from .splice import find_words, splice
from .step import RecordingFailed, TrainingStep
from .tokenizer import load_tokenizer

DEV_STRIDE = 4
"""During training only every fourth recording of the held-out speakers is judged."""
PROMPTS = {seconds: (32,) if seconds <= 4 else (64, 220) for seconds in BUCKETS}
"""Places for previous text that batches of each length may have."""
NO_GRAPHS = 3
"""Exit status when CUDA graphs could not be recorded: run again with `--graphs no`."""


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
    strength: float = 0.9
    real_from: float = 0.05
    real_share: float = 0.55
    cut_share: float = 0.25
    splice: bool = True
    splice_at: float = 0.25
    splice_hours: float = 6
    dropout: float = 0.1
    corrupt: float = 0.1
    batch_seconds: int = BATCH_SECONDS
    hours: float = 220
    compile: bool = True
    graphs: bool = True
    recorded: int = 99
    """Shapes of a batch that are recorded as CUDA graphs at most; the others run plainly."""
    judge_every: float = 300
    seed: int = 0


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
        """A third of the batches show previous text, seldom a long one."""
        if x < 0.08 or rng.random() > 0.33:
            return 0
        short, *long = PROMPTS[seconds]
        return long[0] if long and rng.random() < 0.15 else short

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
        model.eval()
        heard = transcribe(model, self._tokenizer, self._logmel, self._items, self._device, self._kind, batch_seconds=900)
        model.train()
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
    made = [(torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.98), fused=fused, capturable=fused), recipe.lr)]
    if muon:
        made.append((Muon([p for n, p in trainable if n in muon], recipe.muon_lr, weight_decay=recipe.weight_decay), recipe.muon_lr))
    return made


def train(work: Path, out: Path, recipe: Recipe, device: torch.device, tests: Path | None) -> None:
    torch.manual_seed(recipe.seed)
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.set_float32_matmul_precision("high")
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1))
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    began = time.time()
    while not (work / "ready").exists():
        time.sleep(0.5)

    def say(text: str) -> None:
        print(f"[{out.name} {time.time() - began:.0f} s] {text}", flush=True)

    corpus = Corpus(recipe.hours, device, recipe.batch_seconds)
    context = np.load(work / "context.npz")
    tokens = torch.from_numpy(context["tokens"]).to(device)
    batcher = Batcher(corpus, tokens, context["at"], LogMel(device), recipe.seed, recipe.corrupt)
    model, heads = Whisper().to(device), SideTasks().to(device)
    model.set_dropout(recipe.dropout)
    if recipe.compile:
        Kernels.compile()
    step = TrainingStep(model, heads, batcher, optimizers(recipe, model, heads, device.type == "cuda"), kind, recipe.compile, device)
    judge, schedule, rng = Judge(work, tests, device, kind), Schedule(recipe), np.random.default_rng(recipe.seed)
    corpus.add_new(work / "shards")
    while not corpus.has_every_length:
        time.sleep(1)
        corpus.add_new(work / "shards")
    corpus.follow(work / "shards", 10)
    parameters = sum(p.numel() for p in model.parameters()) / 1e6
    say(f"{parameters:.1f} M parameters; corpus of {corpus.hours:.1f} h to begin with")
    done = 0

    def learn(x: float, seconds: int, prompt: int) -> None:
        nonlocal done
        draw = corpus.draw(rng, seconds, schedule.real_share(x), schedule.strength(x), schedule.cut_share(x))
        step(batcher.plan(draw, prompt), schedule.strength(x), schedule.weights(x), schedule.rate(x, done))
        done += 1

    def add_spliced() -> None:
        tokenizer, writer = load_tokenizer(work / "tokenizer.json"), ShardWriter(load_tokenizer(work / "tokenizer.json"))
        with np.load(work / "shards" / "real.npz") as file:
            shard = {name: file[name] for name in file.files}
        model.eval()
        found = find_words(model, tokenizer, LogMel(device), shard, device, kind)
        model.train()
        if len(found) > 50:
            splice(found, writer, recipe.splice_hours, recipe.seed)
            corpus.add(writer.arrays())
        say(f"{len(found)} recordings can be cut at their words; {len(writer)} utterances spliced from them")

    if device.type == "cuda":
        torch.cuda.synchronize()
    # Graphs cannot be recorded on the default stream, and all of training has to be on the stream that they were recorded on.
    with torch.cuda.stream(torch.cuda.Stream()) if device.type == "cuda" else contextlib.nullcontext():
        if recipe.graphs and device.type == "cuda":
            # Batches with long previous text are rare: not worth the time and the memory of their graphs.
            shapes = [(seconds, prompt) for prompt in (0, 1) for seconds in BUCKETS]
            shapes = [(seconds, prompt and PROMPTS[seconds][0]) for seconds, prompt in shapes][: recipe.recorded]
            share = lambda: (time.time() - began) / recipe.seconds  # noqa: E731
            step.record(shapes, lambda shape: learn(share(), *shape), corpus.lock, say)
        last, next_judge, spliced = (done, time.time()), time.time() + recipe.judge_every, False
        while (x := (time.time() - began) / recipe.seconds) < 1:
            seconds = int(rng.choice(BUCKETS, p=schedule.bucket_weights(x)))
            learn(x, seconds, schedule.prompt_tokens(x, seconds, rng))
            if recipe.splice and not spliced and x > recipe.splice_at and (work / "shards" / "real.npz").exists():
                spliced = True
                try:
                    add_spliced()
                except Exception as problem:  # noqa: BLE001 - the run is worth more than its spliced part
                    model.train()
                    say(f"no spliced recordings: {problem!r}")
                last = (done, time.time())
            if done % 250 == 0 or done in (60, 100):
                means = "  ".join(f"{name} {value:.3f}" for name, value in step.report().items())
                pace = (time.time() - last[1]) / max(1, done - last[0]) * 1000
                used = torch.cuda.max_memory_reserved() / 2**30 if device.type == "cuda" else 0
                say(f"step {done} ({x:.0%})  {means}  {pace:.0f} ms a step, {corpus.hours:.0f} h, {used:.0f} GB")
                last = (done, time.time())
            if time.time() > next_judge and x < 0.95:
                export_model(model, work / "tokenizer.json", out)
                say("judged: " + judge(model, 1))
                next_judge, last = time.time() + recipe.judge_every, (done, time.time())
        export_model(model, work / "tokenizer.json", out)
        say(f"{done} steps of {recipe.batch_seconds} s; " + judge(model, 3))
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
    try:
        train(options.work, options.out, recipe, torch.device(options.device), options.tests)
    except RecordingFailed as problem:
        print(f"[{options.out.name}] no CUDA graphs: {problem}", flush=True)
        sys.exit(NO_GRAPHS)


if __name__ == "__main__":
    main()
