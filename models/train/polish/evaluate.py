"""Judges a model: the trained one (model.safetensors), or what any program wrote (outputs.jsonl of judge.mjs)."""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from .generate import generate
from .metrics import Score
from .model import Llama, Shape
from .rows import Row
from .surface import settled
from .tokenizer import load_tokenizer, prompt

SLACK = 24
"""Tokens that an output may have beyond one and a half times its raw text."""


def read_rows(path: Path) -> list[Row]:
    with open(path, encoding="utf-8") as file:
        return [Row(**{k: v for k, v in json.loads(line).items() if k != "output"}) for line in file]


def load_model(folder: Path, device: torch.device) -> Llama:
    config = json.loads((folder / "config.json").read_text())
    model = Llama(Shape(*(config[k] for k in ("width", "layers", "inner", "context"))))
    model.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()})
    return model.to(device)


def polish(model: Llama, tokenizer: Tokenizer, rows: list[Row], device: torch.device, kind: torch.dtype) -> list[str]:
    encoded = [[e.ids for e in tokenizer.encode_batch([r.context, settled(r.raw)])] for r in rows]
    prompts = [prompt(context, raw) for context, raw in encoded]
    limits = [max(1, min(len(raw) * 3 // 2 + SLACK, model.shape.context - len(p))) for p, (_, raw) in zip(prompts, encoded)]
    return [tokenizer.decode(ids, skip_special_tokens=False) for ids in generate(model, prompts, limits, device, kind)]


def score(rows: list[Row], outputs: list[str], examples: int = 12) -> str:
    """One block a kind of row, then the kinds taken together, then outputs that change a content word."""
    groups = {"synthetic, together": ("plain", "recognised", "identity"), "human, together": ("human", "human-plain")}
    scores: dict[str, Score] = {}
    for row, output in zip(rows, outputs):
        for name in (row.kind, *(group for group, kinds in groups.items() if row.kind in kinds)):
            scores.setdefault(name, Score()).add(row.raw, row.clean, output, row.planted)
    lines = [f"{name}: {scores[name].report()}" for name in sorted(scores, key=lambda n: (n in groups, n))]
    for name in groups:
        if name in scores:
            lines += [f"  {name}: {text}" for text in scores[name].examples[:examples]]
    return "\n".join(lines)


def judge(model: Llama, tokenizer: Tokenizer, rows: list[Row], device: torch.device, kind: torch.dtype) -> tuple[str, list[str]]:
    model.eval()
    outputs = polish(model, tokenizer, rows, device, kind)
    model.train()
    few = [f"  {r.kind}: {r.raw[:160]!r}\n      -> {o[:160]!r}" for r, o in list(zip(rows, outputs))[:: max(1, len(rows) // 8)]]
    return "\n".join((score(rows, outputs), *few)), outputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="folder of model.safetensors and config.json")
    parser.add_argument("--work", type=Path, help="the folder that prepare.py writes")
    parser.add_argument("--outputs", type=Path, help="instead: rows with what was written for them")
    options = parser.parse_args()
    if options.outputs:
        with open(options.outputs, encoding="utf-8") as file:
            outputs = [json.loads(line)["output"] for line in file]
        print(score(read_rows(options.outputs), outputs))
        return
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = torch.bfloat16 if device.type == "cuda" else torch.float32
    rows = read_rows(options.work / "test.jsonl")
    print(judge(load_model(options.model, device), load_tokenizer(options.work / "tokenizer.json"), rows, device, kind)[0])


if __name__ == "__main__":
    main()
