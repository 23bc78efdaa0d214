"""Writes the model in Hugging Face's Whisper layout: fp16 weights, config, generation config, preprocessor config, tokenizer."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from .logmel import HOP, MELS, N_FFT, RATE
from .model import DECODER_LAYERS, ENCODER_LAYERS, GUIDED_HEADS, HEADS, SOURCE_POSITIONS, TARGET_POSITIONS, WIDTH, Whisper
from .tokenizer import IDS, VOCABULARY

CONFIG = {
    "architectures": ["WhisperForConditionalGeneration"],
    "model_type": "whisper",
    "vocab_size": VOCABULARY,
    "num_mel_bins": MELS,
    "d_model": WIDTH,
    "encoder_layers": ENCODER_LAYERS,
    "encoder_attention_heads": HEADS,
    "encoder_ffn_dim": 4 * WIDTH,
    "decoder_layers": DECODER_LAYERS,
    "decoder_attention_heads": HEADS,
    "decoder_ffn_dim": 4 * WIDTH,
    "max_source_positions": SOURCE_POSITIONS,
    "max_target_positions": TARGET_POSITIONS,
    "activation_function": "gelu",
    "scale_embedding": False,
    "tie_word_embeddings": True,
    "is_encoder_decoder": True,
    "use_cache": True,
    "num_hidden_layers": ENCODER_LAYERS,
    "decoder_start_token_id": IDS.start,
    "bos_token_id": IDS.end,
    "eos_token_id": IDS.end,
    "pad_token_id": IDS.end,
    "suppress_tokens": [],
    "begin_suppress_tokens": [],
    "torch_dtype": "float16",
}
GENERATION = {
    "alignment_heads": [list(head) for head in GUIDED_HEADS],
    "decoder_start_token_id": IDS.start,
    "bos_token_id": IDS.end,
    "eos_token_id": IDS.end,
    "pad_token_id": IDS.end,
    "prev_sot_token_id": IDS.previous,
    "no_timestamps_token_id": IDS.no_timestamps,
    "is_multilingual": True,
    "lang_to_id": {"<|en|>": IDS.english},
    "task_to_id": {"transcribe": IDS.transcribe, "translate": IDS.translate},
    "language": "<|en|>",
    "task": "transcribe",
    "return_timestamps": False,
    "max_length": TARGET_POSITIONS,
    "suppress_tokens": [],
    "begin_suppress_tokens": [],
}
PREPROCESSOR = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "processor_class": "WhisperProcessor",
    "feature_size": MELS,
    "sampling_rate": RATE,
    "hop_length": HOP,
    "n_fft": N_FFT,
    "chunk_length": 30,
    "n_samples": 30 * RATE,
    "nb_max_frames": 30 * RATE // HOP,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": False,
}


def export_model(model: Whisper, tokenizer: Path, out: Path) -> None:
    weights = {f"model.{name}": value.detach().to("cpu", torch.float16).contiguous() for name, value in model.state_dict().items()}
    save_file(weights, out / "model.safetensors", {"format": "pt"})
    for name, content in (("config", CONFIG), ("generation_config", GENERATION), ("preprocessor_config", PREPROCESSOR)):
        (out / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    if tokenizer.resolve() != (out / "tokenizer.json").resolve():
        shutil.copy(tokenizer, out / "tokenizer.json")


def load_model(folder: Path, device: torch.device) -> Whisper:
    """The exported weights in the recipe's own network, in single precision."""
    model = Whisper().to(device)
    weights = load_file(folder / "model.safetensors")
    model.load_state_dict({name.removeprefix("model."): value.float() for name, value in weights.items()})
    return model.eval()
