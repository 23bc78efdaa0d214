"""Makes test/fixtures/tiny-whisper: a Whisper of Hugging Face's layout with random weights, small enough to commit, that exercises every rule.

    python -m models.reference.make_tiny

It hears nothing, but its output depends on audio and prompt as a trained model's does: three languages, suppressed tokens, timestamps, different
numbers of heads in encoder and decoder, text that ends by itself and text that runs into the limit.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import WhisperConfig, WhisperForConditionalGeneration

OUT = Path(__file__).resolve().parents[2] / "test/fixtures/tiny-whisper"
LANGUAGES = ("en", "zh", "de")
MERGES = [("Ġ", "t"), ("Ġt", "h"), ("Ġth", "e"), ("i", "n"), ("in", "g"), ("Ġ", "a"), ("e", "r"), ("o", "n"), ("ä", "½"), ("ä½", "ł")]
TIMESTAMPS = [f"<|{i * 0.02:.2f}|>" for i in range(11)]


def write_tokenizer() -> dict[str, int]:
    """Bytes, a few merges, Whisper's special tokens in Whisper's order; returns the special tokens' ids."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {entry: id for id, entry in enumerate([*alphabet, *("".join(pair) for pair in MERGES)])}
    tokenizer = Tokenizer(models.BPE(vocabulary, MERGES))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = ["endoftext", "startoftranscript", *LANGUAGES, "translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    special = [f"<|{name}|>" for name in names] + TIMESTAMPS
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(OUT / "tokenizer.json"))
    return {name: tokenizer.token_to_id(name) for name in special}


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    special = write_tokenizer()
    end, space = special["<|endoftext|>"], Tokenizer.from_file(str(OUT / "tokenizer.json")).token_to_id("Ġ")
    config = WhisperConfig(
        vocab_size=max(special.values()) + 1,
        num_mel_bins=80,
        d_model=32,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_layers=2,
        decoder_attention_heads=4,
        decoder_ffn_dim=64,
        max_target_positions=64,
        decoder_start_token_id=special["<|startoftranscript|>"],
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    torch.manual_seed(11)
    model = WhisperForConditionalGeneration(config)
    state = model.state_dict()
    for name, value in state.items():
        if name.endswith("encoder.embed_positions.weight") or name == "proj_out.weight":
            continue
        noise = torch.randn_like(value)
        if "layer_norm" in name and name.endswith("weight"):
            value.copy_(1 + 0.2 * noise)
        elif value.dim() == 1:
            value.copy_(0.1 * noise)
        elif "embed" in name:
            value.copy_((1.0 if "positions" in name else 0.5) * noise)
        else:
            # Sharper than a usual initialisation: what is heard and said moves the choice, and rounding errors cannot turn it.
            value.copy_(2.5 * noise / value[0].numel() ** 0.5)
    # Text ends by itself now and then.
    state["model.decoder.embed_tokens.weight"][end] *= 1.3
    weights = {name: value.to(torch.float16).contiguous() for name, value in state.items() if name != "proj_out.weight"}
    save_file(weights, OUT / "model.safetensors", {"format": "pt"})
    (OUT / "model.safetensors").chmod(0o644)
    generation = {
        "alignment_heads": [[0, 1], [1, 0], [1, 3]],
        "is_multilingual": True,
        "lang_to_id": {f"<|{code}|>": special[f"<|{code}|>"] for code in LANGUAGES},
        "task_to_id": {"transcribe": special["<|transcribe|>"], "translate": special["<|translate|>"]},
        "no_timestamps_token_id": special["<|notimestamps|>"],
        "prev_sot_token_id": special["<|startofprev|>"],
        "decoder_start_token_id": special["<|startoftranscript|>"],
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "suppress_tokens": [1, 2, 7, 8, 9, 10, 14, 25],
        "begin_suppress_tokens": [space, end],
    }
    preprocessor = {"feature_size": 80, "sampling_rate": 16000, "hop_length": 160, "n_fft": 400, "chunk_length": 30, "n_samples": 480000}
    preprocessor |= {"feature_extractor_type": "WhisperFeatureExtractor", "nb_max_frames": 3000, "padding_value": 0.0, "padding_side": "right"}
    provenance = {"source": "random weights of models/reference/make_tiny.py", "licence": "Apache-2.0"}
    manifest = {"buckets": [2, 4, 6, 12, 30], "tailSilenceMs": 200, "usesPreviousText": True, "provenance": provenance}
    plain = {**config.to_diff_dict(), "architectures": ["WhisperForConditionalGeneration"], "dtype": "float16"}
    files = {"config": plain, "generation_config": generation, "preprocessor_config": preprocessor, "sotto": manifest}
    for name, content in files.items():
        (OUT / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
