"""transformers in PyTorch, float32, on a folder in Hugging Face layout."""

import torch
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration, WhisperTokenizerFast

import peer


def load(path, threads):
    torch.set_num_threads(threads)
    model = WhisperForConditionalGeneration.from_pretrained(path, dtype=torch.float32).eval()
    features_of = WhisperFeatureExtractor.from_pretrained(path)
    tokenizer = WhisperTokenizerFast(tokenizer_file=f"{path}/tokenizer.json")

    @torch.inference_mode()
    def transcribe(samples, language):
        # Longer than a window: one window after another, cut at the timestamps that the model says.
        more = {"truncation": False, "padding": "longest"} if len(samples) > 480_000 else {}
        inputs = features_of(samples, sampling_rate=16_000, return_tensors="pt", return_attention_mask=True, **more)
        tokens = model.generate(
            inputs.input_features,
            attention_mask=inputs.attention_mask,
            language=language,
            task="transcribe",
            return_timestamps=True,
            num_beams=1,
        )
        return tokenizer.decode(tokens[0], skip_special_tokens=True)

    return transcribe


peer.run(["transformers", "torch"], load)
