"""Trains the polishing model for a given wall-clock time; the schedule follows the share of the time that is spent."""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from .muon import Muon
from .batches import BATCH_TOKENS, Batch, Workers
from .evaluate import judge, read_rows
from .model import Kernels, Llama, Shape
from .prepare import load_texts
from .tokenizer import load_tokenizer

CLIP = 1.0
JUDGED = 60
"""Rows of each kind that are judged during training."""


@dataclass
class Recipe:
    seconds: float = 420
    width: int = 384
    layers: int = 8
    inner: int = 1024
    lr: float = 1.5e-3
    muon_lr: float = 2e-3
    """0 trains everything by AdamW (Muon's products in half precision are slow on a CPU)."""
    weight_decay: float = 0.1
    warmup_steps: int = 200
    batch_tokens: int = BATCH_TOKENS
    workers: int = max(1, (os.cpu_count() or 2) - 4)
    compile: bool = True
    save_every: float = 120
    steps: int = 0
    """The most steps; 0 is no limit."""


def save(model: Llama, recipe: Recipe, out: Path) -> None:
    """model.safetensors in half precision with GGUF's names, and config.json."""
    tensors = {name: p.detach().half().cpu().contiguous() for name, p in model.named_parameters()}
    save_file(tensors, str(out / "model.tmp"))
    (out / "model.tmp").replace(out / "model.safetensors")
    (out / "config.json").write_text(json.dumps(asdict(model.shape) | {"recipe": asdict(recipe)}, indent=1))


def loss_of(model: Llama, tokens: torch.Tensor, begin: torch.Tensor, end: torch.Tensor, kind: torch.dtype, compiled: bool) -> torch.Tensor:
    """Cross-entropy of the clean text and <|end|>."""
    logits = model(tokens, kind, compiled)
    targets = tokens.roll(-1, 1)
    at = torch.arange(tokens.shape[1], device=tokens.device)[None] + 1
    targets = torch.where((at >= begin[:, None]) & (at < end[:, None]), targets, -100)
    return F.cross_entropy(logits.float(), targets.reshape(-1), ignore_index=-100)


def moved(batch: Batch, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    arrays = (batch.tokens.astype("int64"), batch.begin.astype("int64"), batch.end.astype("int64"))
    if device.type == "cpu":
        return tuple(map(torch.from_numpy, arrays))
    return tuple(torch.from_numpy(a).pin_memory().to(device, non_blocking=True) for a in arrays)


def can_compile(model: Llama, batch: Batch, device: torch.device, kind: torch.dtype) -> bool:
    """Compiles the halves of a layer and tries them; falls back to plain functions."""
    try:
        Kernels.compile()
        loss_of(model, *moved(batch, device), kind, True).backward()
        model.zero_grad(set_to_none=True)
        return True
    except Exception as error:  # whatever the compiler trips over, training goes on without it
        print(f"not compiled: {type(error).__name__}: {str(error)[:300]}", flush=True)
        Kernels.plain()
        model.zero_grad(set_to_none=True)
        return False


def optimizers(model: Llama, recipe: Recipe, fused: bool):
    """[(optimizer, peak rate)]: the layers' matrices by Muon, the rest by AdamW."""
    named = list(model.named_parameters())
    matrices = [p for n, p in named if recipe.muon_lr and n.startswith("blk.") and p.ndim == 2]
    chosen = set(map(id, matrices))
    rest = [p for _, p in named if id(p) not in chosen]
    made = [(torch.optim.AdamW(rest, lr=recipe.lr, betas=(0.9, 0.98), weight_decay=0.0, fused=fused), recipe.lr)]
    return made + ([(Muon(matrices, recipe.muon_lr, weight_decay=recipe.weight_decay), recipe.muon_lr)] if matrices else [])


def rate(x: float, step: int, warmup: int) -> float:
    """Linear warm-up, constant to 15 % of the time, then straight down to nothing."""
    return min(1.0, (step + 1) / warmup) * min(1.0, max(0.0, (1 - x) / 0.85))


def train(work: Path, out: Path, recipe: Recipe, device: torch.device, seed: int = 0) -> None:
    began = time.time()
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    torch.set_float32_matmul_precision("high")
    torch.backends.cuda.enable_cudnn_sdp(False)
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32

    def say(text: str) -> None:
        print(f"[{out.name} {time.time() - began:.0f} s] {text}", flush=True)

    texts, tokenizer = load_texts(work / "texts.json.gz"), load_tokenizer(work / "tokenizer.json")
    workers = Workers(texts, work / "tokenizer.json", recipe.workers, recipe.batch_tokens, seed + 1)
    rows = read_rows(work / "test.jsonl")
    some = [row for k in ("plain", "recognised", "identity", "human", "human-plain") for row in [r for r in rows if r.kind == k][:JUDGED]]
    model = Llama(Shape(recipe.width, recipe.layers, recipe.inner)).to(device)
    parameters = list(model.parameters())
    opts = optimizers(model, recipe, device.type == "cuda")
    say(f"{sum(p.numel() for p in parameters) / 1e6:.1f} M parameters, {len(texts.lines)} lines, {recipe.workers} workers")
    first = workers.next()
    compiled = recipe.compile and can_compile(model, first, device, kind)
    say(f"compiled: {compiled}")
    step, broken_steps, total, counted = 0, torch.zeros((), device=device), torch.zeros((), device=device), 0
    mark, last_saved = (0, time.time()), time.time()
    while (x := (time.time() - began) / recipe.seconds) < 1 and (not recipe.steps or step < recipe.steps):
        loss = loss_of(model, *moved(workers.next(), device), kind, compiled)
        loss.backward()
        gradients = [p.grad for p in parameters]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        broken = (~torch.isfinite(norm)).float()
        torch._foreach_mul_(gradients, torch.where(broken > 0, 0.0, (CLIP / (norm + 1e-6)).clamp(max=1.0)))
        broken_steps += broken
        for optimizer, peak in opts:
            if device.type == "cuda":
                optimizer.found_inf = broken
            for group in optimizer.param_groups:
                group["lr"] = peak * rate(x, step, recipe.warmup_steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        total += loss.detach().float().nan_to_num(0, 0, 0)
        counted, step = counted + 1, step + 1
        if step % 100 == 0 or step in (10, 30):
            mean = (total / counted).item()  # waits for the device, so the pace is true
            pace = (time.time() - mark[1]) / (step - mark[0])
            say(f"step {step} ({x:.0%})  loss {mean:.4f}  {pace * 1000:.0f} ms a step, {recipe.batch_tokens / pace / 1000:.0f} k tokens/s, {workers.ready} batches ready, {int(broken_steps.item())} broken")
            total.zero_()
            counted, mark = 0, (step, time.time())
        if time.time() - last_saved > recipe.save_every:
            save(model, recipe, out)
            say("saved\n" + judge(model, tokenizer, some, device, kind)[0])
            last_saved = time.time()
            mark = (step, last_saved)
    workers.stop()
    save(model, recipe, out)
    say(f"{step} steps, {step * recipe.batch_tokens / 1e6:.0f} M tokens with padding; saved")
    report, outputs = judge(model, tokenizer, rows, device, kind)
    print(report, flush=True)
    with open(out / "outputs.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(row) | {"output": text}, ensure_ascii=False) + "\n" for row, text in zip(rows, outputs))
    (out / "report.txt").write_text(report)
    (out / "done").touch()
    say("done")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="the folder that prepare.py writes")
    parser.add_argument("--out", type=Path, required=True, help="where the model goes")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    for name, value in asdict(Recipe()).items():
        kind = (lambda text: text != "no") if isinstance(value, bool) else type(value)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=value)
    options = parser.parse_args()
    train(options.work, options.out, Recipe(**{name: getattr(options, name) for name in asdict(Recipe())}), torch.device(options.device))


if __name__ == "__main__":
    main()
