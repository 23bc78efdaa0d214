"""The weights of a folder in Hugging Face layout for the peers: OUT/ct2 for faster-whisper, OUT/ggml.bin for whisper.cpp.

python prepare.py MODEL OUT
"""

import json
import pathlib
import shutil
import struct
import sys

import numpy as np
from ctranslate2.converters import TransformersConverter
from safetensors.numpy import load_file
from transformers.audio_utils import mel_filter_bank

MODEL, OUT = map(pathlib.Path, sys.argv[1:3])
CONFIG = json.loads((MODEL / "config.json").read_text())

#: Hugging Face's names in OpenAI's words, which whisper.cpp keeps. In this order.
WORDS = [
    (".layers.", ".blocks."),
    ("self_attn_layer_norm", "attn_ln"),
    ("encoder_attn_layer_norm", "cross_attn_ln"),
    ("final_layer_norm", "mlp_ln"),
    ("self_attn", "attn"),
    ("encoder_attn", "cross_attn"),
    ("q_proj", "query"),
    ("k_proj", "key"),
    ("v_proj", "value"),
    ("out_proj", "out"),
    ("fc1", "mlp.0"),
    ("fc2", "mlp.2"),
    ("embed_positions.weight", "positional_embedding"),
    ("embed_tokens", "token_embedding"),
    ("encoder.layer_norm", "encoder.ln_post"),
    ("decoder.layer_norm", "decoder.ln"),
]


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    TransformersConverter(str(MODEL)).convert(str(OUT / "ct2"), quantization="float16", force=True)
    for name in ("tokenizer.json", "preprocessor_config.json"):
        shutil.copy(MODEL / name, OUT / "ct2" / name)
    with open(OUT / "ggml.bin", "wb") as file:
        write_ggml(file)


def write_ggml(file):
    """As whisper.cpp's own conversion does (convert-pt-to-ggml.py): matrices in halves, all else in floats."""
    numbers = lambda *values: file.write(struct.pack(f"<{len(values)}i", *values))
    bins = CONFIG["num_mel_bins"]
    sides = [
        (CONFIG[positions], CONFIG["d_model"], CONFIG[f"{side}_attention_heads"], CONFIG[f"{side}_layers"])
        for side, positions in (("encoder", "max_source_positions"), ("decoder", "max_target_positions"))
    ]
    numbers(0x67676D6C, CONFIG["vocab_size"], *sides[0], *sides[1], bins, 1)
    filters = mel_filter_bank(201, bins, 0, 8_000, 16_000, norm="slaney", mel_scale="slaney").T
    numbers(*filters.shape)
    file.write(np.ascontiguousarray(filters, np.float32).tobytes())
    tokens = text_tokens()
    numbers(len(tokens))
    for token in tokens:
        numbers(len(token))
        file.write(token)
    for name, values in load_file(MODEL / "model.safetensors").items():
        name = name.removeprefix("model.")
        for word, openai in WORDS:
            name = name.replace(word, openai)
        is_bias_of_convolution = name in ("encoder.conv1.bias", "encoder.conv2.bias")
        is_matrix = values.ndim > 1 and "positional" not in name
        values = values.astype(np.float16 if is_matrix else np.float32)
        values = values.reshape(-1, 1) if is_bias_of_convolution else values
        numbers(values.ndim, len(name), int(is_matrix), *reversed(values.shape))
        file.write(name.encode() + values.tobytes())


def text_tokens():
    """The bytes of each text token, from GPT-2's printable alphabet."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    byte_of = {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
    content = json.loads((MODEL / "tokenizer.json").read_text())
    end = next(token["id"] for token in content["added_tokens"] if token["content"] == "<|endoftext|>")
    entries = sorted((number, entry) for entry, number in content["model"]["vocab"].items() if number < end)
    return [bytes(byte_of[character] for character in entry) for _, entry in entries]


main()
