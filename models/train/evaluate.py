"""Judges an exported model on the CPU: word error rates, contexts, clips without speech, cut clips, alignment heads, agreement with transformers."""

import argparse
import json
import re
import time
from pathlib import Path

import numpy as np
import torch

from . import alignment, nonspeech
from .decode import greedy
from .export import load_model
from .judge import Item, load_items, normal, save_items, shard_items, transcribe, word_error_rates
from .logmel import RATE, LogMel
from .shards import FRAME
from .tokenizer import IDS, load_tokenizer

GROUPS = {"so762": "speechocean762", "kathleen": "Kathleen", "libri": "LibriSpeech", "lj": "LJ Speech", "jfk": "Kennedy", "sc_": "commands"}
CONTEXTS = (2, 4, 8, 16, 30)
DIGITS = r"\d[\d.,:]*"


def read_tests(folder: Path, out: Path) -> None:
    """FLAC files and manifest.jsonl (id, file, language, text, kind) -> one .npz of the English ones that are no joined recordings."""
    import soundfile

    items = []
    for line in open(folder / "manifest.jsonl"):
        entry = json.loads(line)
        if entry["language"] == "en" and entry["kind"] != "long":
            samples, rate = soundfile.read(folder / entry["file"], dtype="int16")
            if rate != RATE:
                raise ValueError(f"{entry['file']}: {rate} Hz, expected {RATE}")
            group = next((g for prefix, g in GROUPS.items() if entry["id"].startswith(prefix)), "Kennedy" if entry["kind"] == "speech" else "LJ Speech")
            items.append(Item(samples, entry["text"], group))
    save_items(items, out)


class Evaluation:
    def __init__(self, folder: Path) -> None:
        self.device = torch.device("cpu")
        self.model, self.tokenizer, self.logmel = load_model(folder, self.device), load_tokenizer(folder / "tokenizer.json"), LogMel(self.device)

    def hear(self, items: list[Item], context: int = 0) -> list[str]:
        return transcribe(self.model, self.tokenizer, self.logmel, items, self.device, torch.float32, context, batch_seconds=90)

    def rates(self, items: list[Item]) -> dict:
        heard = self.hear(items)
        rates = word_error_rates(items, heard)
        read = [(rate, words) for group, (rate, words) in rates.items() if group != "commands"]
        return {
            "rates": {group: f"{rate:.1%} of {words} words" for group, (rate, words) in rates.items()},
            "read speech together": f"{sum(r * w for r, w in read) / sum(w for _, w in read):.1%} of {sum(w for _, w in read)} words",
            "texts": [[item.group, item.text, text] for item, text in zip(items, heard)],
        }

    def contexts(self, items: list[Item]) -> dict:
        """The same thirty recordings at every context that holds them."""
        out = {}
        for limit, contexts in ((2, CONTEXTS), (4, CONTEXTS[1:])):
            chosen = [Item(i.samples, i.text, "all") for i in items if limit / 2 - 0.1 < len(i.samples) / RATE <= limit - 0.1][:30]
            for context in contexts:
                rate, words = word_error_rates(chosen, self.hear(chosen, context * RATE))["all"]
                out[f"up to {limit} s of speech in {context} s"] = f"{rate:.1%} of {words} words"
        return out

    def silence(self, count: int) -> dict:
        clips = nonspeech.clips(count)
        heard = self.hear([Item(samples, "", kind) for kind, samples in clips])
        wrong = [(kind, text) for (kind, _), text in zip(clips, heard) if normal(text).strip()]
        return {"clips": count, "empty": f"{1 - len(wrong) / count:.1%}", "not empty": wrong[:12]}

    def cuts(self, shard: Path, count: int) -> dict:
        """Synthetic speech cut in the middle of a word; extra words are those beyond the words that had begun."""
        rng, items, begun = np.random.default_rng(5), [], []
        for samples, tokens, starts, ends, begins in timed(shard, self.tokenizer)[:count]:
            words = alignment.word_groups(begins)
            k = int(rng.integers(0, len(words)))
            a, b = words[k]
            cut = int((starts[a] + (ends[b - 1] - starts[a]) * rng.uniform(0.2, 0.8)) * FRAME)
            items.append(Item(samples[:cut], self.tokenizer.decode(tokens[:b].tolist()).strip(), "cut"))
            begun.append(k + 1)
        heard = self.hear(items)
        extra = [len(text.split()) - words for text, words in zip(heard, begun)]
        examples = [[i.text, t] for i, t, e in zip(items, heard, extra) if e > 1][:8]
        return {"clips": len(items), "more than one extra word": f"{np.mean([e > 1 for e in extra]):.1%}", "examples": examples}

    def heads(self, shard: Path, count: int) -> dict:
        return alignment.measure(self.model, self.logmel, timed(shard, self.tokenizer), count)

    def writing(self, items: list[Item]) -> dict:
        """Casing, the last mark and digits, on items whose texts are written as the model should write."""
        heard = self.hear(items)
        pairs = [pair for item, text in zip(items, heard) for pair in zip(item.text.split(), text.split()) if normal(pair[0]) == normal(pair[1])]
        numbers = [(item.text, text) for item, text in zip(items, heard) if re.search(r"\d", item.text)]
        return {
            "words with the right first letter": f"{np.mean([a[:1] == b[:1] for a, b in pairs]):.1%} of {len(pairs)}",
            "right last mark": f"{np.mean([item.text[-1:] == text[-1:] for item, text in zip(items, heard)]):.1%} of {len(items)}",
            "all digits right": f"{sum(re.findall(DIGITS, a) == re.findall(DIGITS, b) for a, b in numbers)} of {len(numbers)}",
            "texts": numbers,
        }

    def agreement(self, folder: Path, items: list[Item]) -> dict:
        """Greedy tokens of transformers' own Whisper on the fp16 weights, in single and half precision, against this recipe's network."""
        from transformers import WhisperForConditionalGeneration

        networks = {name: WhisperForConditionalGeneration.from_pretrained(folder, dtype=getattr(torch, name)).eval() for name in ("float32", "float16")}
        same = dict.fromkeys(networks, 0)
        for item in items:
            wave = np.zeros((1, 30 * RATE), np.float32)
            loud = item.samples.astype(np.float32)
            wave[0, : len(loud)] = loud / (np.abs(loud).max() + 1) * 0.5
            mel = self.logmel(torch.from_numpy(wave))
            ours = greedy(self.model, mel, torch.float32)[0][0]
            for name, network in networks.items():
                with torch.no_grad():
                    tokens = network.generate(mel.to(network.dtype), language="en", task="transcribe", do_sample=False, max_new_tokens=120)[0].tolist()
                same[name] += [t for t in tokens if t < IDS.end] == ours
        return {"recordings": len(items), "same tokens as transformers": same}


def timed(shard: Path, tokenizer) -> list[tuple]:
    """(samples, tokens, starts, ends, whether each token begins a word) of a shard's utterances."""
    data = dict(np.load(shard))
    out, frame, token = [], 0, 0
    for count, tokens in zip(data["sample_counts"].tolist(), data["token_counts"].tolist()):
        ids = data["tokens"][token : token + tokens].astype(np.int64)
        begins = [tokenizer.decode([int(i)]).startswith(" ") for i in ids]
        spans = [data[name][token : token + tokens].astype(np.int64) for name in ("starts", "ends")]
        out.append((data["samples"][frame * FRAME : frame * FRAME + count], ids, *spans, begins))
        frame += -(-count // FRAME)
        token += tokens
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--read-tests", type=Path, help="only turn this folder of test recordings into --tests")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--tests", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, help="synthetic-test.npz of prepare.py")
    parser.add_argument("--tasks", default="heads,silence,cuts,real,contexts,synthetic,writing,agreement")
    parser.add_argument("--count", type=int, default=200, help="synthetic utterances to use")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.read_tests:
        return read_tests(options.read_tests, options.tests)
    evaluation, tests = Evaluation(options.model), load_items(options.tests)
    synthetic = shard_items(options.synthetic, evaluation.tokenizer, "synthetic") if options.synthetic else []
    tasks = {
        "heads": lambda: evaluation.heads(options.synthetic, options.count // 2),
        "silence": lambda: evaluation.silence(200),
        "cuts": lambda: evaluation.cuts(options.synthetic, options.count),
        "real": lambda: evaluation.rates(tests),
        "contexts": lambda: evaluation.contexts(tests[::-1]),
        "synthetic": lambda: evaluation.rates(synthetic[: options.count]),
        "writing": lambda: evaluation.writing([i for k, i in enumerate(synthetic) if k % 5 == 0 or re.search(r"\d", i.text)]),
        "agreement": lambda: evaluation.agreement(options.model, tests[::25]),
    }
    results = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    for name in options.tasks.split(","):
        began = time.time()
        results[name] = tasks[name]()
        shown = {k: v for k, v in results[name].items() if k != "texts"}
        print(f"{name} ({time.time() - began:.0f} s): {json.dumps(shown, indent=1)}", flush=True)
        if options.out:
            options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
