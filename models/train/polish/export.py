"""Writes a trained model as GGUF (Q8_0, norms in float32) and its sotto.json."""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
from gguf.quants import quantize
from safetensors.numpy import load_file

from .model import EPSILON, HEAD, ROPE_BASE
from .tokenizer import END, SPECIAL

CHAT = "<|raw|>{{ messages[-1]['content'] }}<|clean|>"
KINDS = {"q8_0": gguf.GGMLQuantizationType.Q8_0, "f16": gguf.GGMLQuantizationType.F16, "f32": gguf.GGMLQuantizationType.F32}


def add_tokenizer(writer: gguf.GGUFWriter, path: Path) -> None:
    """The vocabulary and merges of tokenizer.json; "smollm" is llama.cpp's name for single digits, then GPT-2's split."""
    model = json.loads(path.read_text())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([control if token in SPECIAL else normal for token in tokens])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(END)
    writer.add_eos_token_id(END)
    writer.add_pad_token_id(END)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHAT)


def write_gguf(folder: Path, tokenizer: Path, out: Path, kind: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(str(out), "llama")
    writer.add_name("Sotto demo-polish")
    writer.add_license("CC-BY-SA-4.0")
    writer.add_string("sotto.prompt_format", "sotto-polish-v1")
    writer.add_context_length(config["context"])
    writer.add_embedding_length(config["width"])
    writer.add_block_count(config["layers"])
    writer.add_feed_forward_length(config["inner"])
    writer.add_head_count(config["width"] // HEAD)
    writer.add_head_count_kv(config["width"] // HEAD)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_rope_freq_base(ROPE_BASE)
    writer.add_rope_dimension_count(HEAD)
    tensors = load_file(folder / "model.safetensors")
    writer.add_vocab_size(tensors["token_embd"].shape[0])
    writer.add_file_type({"q8_0": gguf.LlamaFileType.MOSTLY_Q8_0, "f16": gguf.LlamaFileType.MOSTLY_F16, "f32": gguf.LlamaFileType.ALL_F32}[kind])
    add_tokenizer(writer, tokenizer)
    for name, values in tensors.items():
        values = values.astype(np.float32)
        if values.ndim == 1:
            writer.add_tensor(f"{name}.weight", values)
        else:
            writer.add_tensor(f"{name}.weight", quantize(values, KINDS[kind]), raw_dtype=KINDS[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of model.safetensors and config.json")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for model.gguf and sotto.json")
    parser.add_argument("--kind", choices=KINDS, default="q8_0")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    write_gguf(options.model, options.tokenizer, options.out / "model.gguf", options.kind)
    context = json.loads((options.model / "config.json").read_text())["context"]
    about = {
        "kind": "polish",
        "name": "demo-polish",
        "modes": ["standard"],
        "languages": ["en"],
        "promptFormat": "sotto-polish-v1",
        "keepsWords": True,
        "contextTokens": context,
        "provenance": {"source": "trained by the recipe in models/train/polish", "licence": "CC-BY-SA-4.0"},
    }
    (options.out / "sotto.json").write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()
