"""Whisper as transformers runs it, with nothing of generate(): padding, features, encoder and a plain greedy loop, in single precision.

The rules are those that the product promises:
- PCM is padded with zeros to the shortest of the model's contexts that holds the audio and its tail of silence, then turned into a log-mel.
- Prompt: <|startofprev|> previous... (the last that fit) <|startoftranscript|> language task <|notimestamps|> committed...
- A token is the best by logits after suppression: `suppress_tokens`, every special token but <|endoftext|>, and `begin_suppress_tokens` where the
  text begins (no committed tokens). Its log-probability is that of the distribution after suppression.
- The attended frame of a token is the best of the cross-attention averaged over the alignment heads, at the position that chose the token, among the
  frames that begin within the audio (openai/whisper `timing.py` leaves the padding out before the softmax).
- A text has at most half of the decoder's positions, and the sequence at most all of them.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

RATE, FRAME_SAMPLES = 16000, 320
"""Hz, and samples of one encoder frame: 20 ms."""


@dataclass(frozen=True)
class Prompt:
    """What the decoder is told. `language` None: the model chooses."""

    language: str | None = "en"
    task: str = "transcribe"
    previous: tuple[int, ...] = ()
    committed: tuple[int, ...] = ()


@dataclass
class Decoded:
    """Text tokens behind the committed ones, with facts of each; `end_logprob` None where the limit ended the text."""

    language: str
    language_probability: float
    no_speech_probability: float
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    end_logprob: float | None = None
    margin: float = float("inf")
    """The smallest lead of a chosen token over the next best, in logits: below rounding errors the choice is nobody's fault."""


def load_model(folder: Path) -> WhisperForConditionalGeneration:
    """In single precision. Matrices that are stored in integers (`sotto models pack`) are unpacked: transformers does not know that layout."""
    config = WhisperConfig.from_pretrained(folder, attn_implementation="eager")
    model = WhisperForConditionalGeneration(config).float()
    weights = load_file(folder / "model.safetensors")
    for name in [name for name in weights if name.endswith(".weight_int8")]:
        stem = name.removesuffix("_int8")
        weights[stem] = (weights.pop(name).float() * weights.pop(f"{stem}_scale")).T.contiguous()
    weights["proj_out.weight"] = weights.get("proj_out.weight", weights["model.decoder.embed_tokens.weight"])
    model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return model.eval()


class WhisperReference:
    """One model's folder: Hugging Face's files and Sotto's sotto.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        manifest = json.loads((folder / "sotto.json").read_text())
        self.buckets = [round(seconds * RATE) for seconds in manifest["buckets"]]
        self.tail = manifest["tailSilenceMs"] * RATE // 1000
        self.model = load_model(folder)
        self.features = WhisperFeatureExtractor.from_pretrained(folder)
        self._positions = self.model.model.encoder.embed_positions.weight.detach().clone()
        generation = json.loads((folder / "generation_config.json").read_text())
        added = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
        self.special = {token["content"]: token["id"] for token in added}
        self.end = self.special["<|endoftext|>"]
        self.languages = {name[2:-2]: id for name, id in generation["lang_to_id"].items()}
        self.alignment_heads = generation["alignment_heads"]
        self._begin_suppressed = generation.get("begin_suppress_tokens") or []
        self._suppressed = sorted({*(generation.get("suppress_tokens") or []), *(id for id in self.special.values() if id != self.end)})
        self._positions_max = self.model.config.max_target_positions

    @property
    def weights_sha256(self) -> str:
        return hashlib.sha256((self.folder / "model.safetensors").read_bytes()).hexdigest()

    def bucket(self, samples: int) -> int:
        """The context for so many samples of audio, in samples; the longest takes audio without room for its tail."""
        return next((bucket for bucket in self.buckets if bucket >= samples + self.tail), self.buckets[-1])

    def log_mel(self, audio: np.ndarray) -> torch.Tensor:
        """Samples -> [1, mels, bucket / 160]."""
        padded = np.zeros(self.bucket(len(audio)), np.float32)
        padded[: len(audio)] = audio
        return self.features(padded, sampling_rate=RATE, padding="do_not_pad", return_tensors="pt").input_features

    @torch.no_grad()
    def encode(self, mel: torch.Tensor) -> torch.Tensor:
        """[1, mels, frames] -> [1, frames / 2, width]. transformers insists on 30 s: the table of positions is cut to the context."""
        encoder, length = self.model.model.encoder, mel.shape[-1] // 2
        encoder.config.max_source_positions = length
        encoder.embed_positions = torch.nn.Embedding.from_pretrained(self._positions[:length])
        return encoder(mel).last_hidden_state

    @torch.no_grad()
    def logits(self, states: torch.Tensor, tokens: list[int], audio_frames: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Encoder states and a whole sequence -> logits [positions, vocabulary], attended frame [positions]. No cache: nothing to get wrong."""
        decoder = self.model.model.decoder
        out = decoder(input_ids=torch.tensor([tokens]), encoder_hidden_states=states, output_attentions=True, use_cache=False)
        heads = torch.stack([out.cross_attentions[layer][0, head, :, :audio_frames] for layer, head in self.alignment_heads])
        frames = (heads / heads.sum(-1, keepdim=True)).mean(0).argmax(-1)
        return self.model.proj_out(out.last_hidden_state[0]), frames

    def prompt_tokens(self, prompt: Prompt, language: str) -> tuple[list[int], int]:
        """The sequence before the text, and the position of <|startoftranscript|> in it."""
        previous = list(prompt.previous)[-(self._positions_max // 2 - 1) :] if prompt.previous else []
        before = [self.special["<|startofprev|>"], *previous] if previous else []
        start = [self.special["<|startoftranscript|>"], self.languages[language], self.special[f"<|{prompt.task}|>"]]
        return [*before, *start, self.special["<|notimestamps|>"], *prompt.committed], len(before)

    def decode(self, audio: np.ndarray, prompt: Prompt) -> Decoded:
        """Greedy, one token after another, the whole sequence anew each time."""
        states, audio_frames = self.encode(self.log_mel(audio)), -(-len(audio) // FRAME_SAMPLES)
        sequence, at = self.prompt_tokens(prompt, prompt.language or next(iter(self.languages)))
        first = self.logits(states, sequence[: at + 1], audio_frames)[0][at]
        by_language = first[list(self.languages.values())].softmax(-1)
        language = prompt.language or list(self.languages)[int(by_language.argmax())]
        sequence[at + 1] = self.languages[language]
        decoded = Decoded(
            language=language,
            language_probability=float(by_language[list(self.languages).index(language)]),
            no_speech_probability=float(first.softmax(-1)[self.special.get("<|nospeech|>", self.special.get("<|nocaptions|>"))]),
        )
        limit = min(self._positions_max // 2 - len(prompt.committed), self._positions_max - len(sequence))
        while len(decoded.tokens) < limit:
            logits, frames = self.logits(states, sequence, audio_frames)
            scores = logits[-1].clone()
            scores[self._suppressed] = -torch.inf
            if not prompt.committed and not decoded.tokens:
                scores[self._begin_suppressed] = -torch.inf
            best, second = scores.topk(2).values
            decoded.margin = min(decoded.margin, float(best - second))
            token, logprob = int(scores.argmax()), float(scores.log_softmax(-1).max())
            if token == self.end:
                decoded.end_logprob = logprob
                return decoded
            decoded.tokens.append(token)
            decoded.logprobs.append(logprob)
            decoded.frames.append(int(frames[-1]))
            sequence.append(token)
        return decoded
