"""Writes what the reference computes for the committed clips, for the tests to hold the product to.

    python -m models.reference.write_golden [FOLDER_OF_A_MODEL ...]

Without arguments: test/fixtures/tiny-whisper. For each, test/fixtures/golden/NAME.json (decodes: prompts, drafts, tokens) and
NAME.safetensors (samples of log-mel spectrograms, encoder states and logits). Both carry the SHA-256 of the weights that they were computed from.
"""

import json
import random
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import soundfile
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from .whisper_reference import Decoded, Prompt, WhisperReference

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "test/fixtures"
MARGIN = 1e-3
"""A decode is left out where a choice was closer than this (logits): two right programs may differ there."""
TENSOR_CLIPS = ("en-bakery", "en-long-harbour", "melody")
DIALOGUE_SAMPLES = (0, 24 * 16000)
"""The dialogue is longer than a window: its beginning is the long clip."""

PREVIOUS = "The meeting began at nine. Nobody had slept well, and the coffee was cold."


def read_clips() -> dict[str, dict]:
    lines = [json.loads(line) for line in (FIXTURES / "manifest.jsonl").read_text("utf8").splitlines()]
    return {line["id"]: {"text": line["text"], "language": line["language"], "samples": read_samples(line)} for line in lines}


def read_samples(line: dict) -> np.ndarray:
    samples, rate = soundfile.read(FIXTURES / line["file"], dtype="float32")
    if rate != 16000:
        raise ValueError(f"{line['file']} has {rate} Hz")
    return samples[slice(*DIALOGUE_SAMPLES)] if line["id"] == "en-dialogue" else samples


class GoldenWriter:
    def __init__(self, folder: Path, clips: dict[str, dict]) -> None:
        self._reference, self._clips, self._name = WhisperReference(folder), clips, folder.name
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._chance = random.Random(7)
        self._cases: list[dict] = []

    def write(self) -> None:
        self._add_cases()
        tensors, probes = self._tensors()
        metadata = {"model": self._name, "weightsSha256": self._reference.weights_sha256}
        made_with = {name: version(name) for name in ("torch", "transformers")}
        (FIXTURES / "golden").mkdir(exist_ok=True)
        content = {**metadata, "madeWith": made_with, "probes": probes, "decodes": self._cases}
        (FIXTURES / f"golden/{self._name}.json").write_text(compact(content), "utf8")
        file = FIXTURES / f"golden/{self._name}.safetensors"
        save_file(tensors, file, metadata)
        file.chmod(0o644)

    def _add_cases(self) -> None:
        short, long = self._tokens(f" {PREVIOUS}")[:20], self._tokens(f" {PREVIOUS}" * 40)
        names = [*self._clips]
        for i, name in enumerate(names):
            language = self._language(self._clips[name]["language"])
            plain = self._add(name, "plain", Prompt(language), drafts=i % 4 == 0)
            if plain is None:
                continue
            if i % 4 == 1:
                self._add(name, "previous", Prompt(language, previous=short), drafts=i % 16 == 1)
            if i % 4 == 2:
                half = len(plain.tokens) // 2
                self._add(name, "committed", Prompt(language, committed=tuple(plain.tokens[:half])), drafts=i % 8 == 2)
            if i % 4 == 3:
                self._add(name, "anyLanguage", Prompt(None))
        self._add(names[0], "previousTooLong", Prompt(self._language("en"), previous=long), drafts=True)
        self._add(names[3], "translate", Prompt(self._language("en"), task="translate", previous=short))
        plain = self._add(names[9], "previousAndCommitted", Prompt(self._language("en"), previous=short))
        if plain is not None:
            committed = tuple(plain.tokens[: len(plain.tokens) // 3])
            self._add(names[9], "previousAndCommitted2", Prompt(self._language("en"), previous=short, committed=committed), drafts=True)

    def _add(self, clip: str, kind: str, prompt: Prompt, drafts: bool = False) -> Decoded | None:
        samples = self._clips[clip]["samples"]
        decoded = self._reference.decode(samples, prompt)
        if decoded.margin < MARGIN:
            print(f"{self._name}: {clip} {kind} left out, a choice was {decoded.margin:.1e} close")
            return None
        expected = {
            "language": decoded.language,
            "languageProbability": round(decoded.language_probability, 6),
            "noSpeechProbability": round(decoded.no_speech_probability, 6),
            "tokens": decoded.tokens,
            "logprobs": [round(value, 5) for value in decoded.logprobs],
            "frames": decoded.frames,
            "endLogprob": None if decoded.end_logprob is None else round(decoded.end_logprob, 5),
        }
        case = {"clip": clip, "samples": len(samples), "kind": kind, "bucketSamples": self._reference.bucket(len(samples))}
        self._cases.append({**case, "prompt": asdict(prompt), "drafts": self._drafts(decoded.tokens) if drafts else [], "expected": expected})
        return decoded

    def _drafts(self, tokens: list[int]) -> list[dict]:
        """Right, right but for the middle, wrong from the start, right and longer than the text."""
        middle = len(tokens) // 2
        drafts = {
            "right": tokens,
            "partlyRight": [*tokens[:middle], self._other(tokens[middle : middle + 1]), *tokens[middle + 1 :]],
            "wrong": [self._other(tokens[:1]), *(self._other([]) for _ in range(5))],
            "tooLong": [*tokens, self._other([]), self._other([])],
        }
        return [{"kind": kind, "tokens": draft, "accepted": common_prefix(draft, tokens)} for kind, draft in drafts.items()]

    def _other(self, excluded: list[int]) -> int:
        """A text token that is not the excluded one."""
        return self._chance.choice([id for id in range(self._reference.end) if id not in excluded])

    def _tensors(self) -> tuple[dict[str, np.ndarray], list[dict]]:
        tensors: dict[str, np.ndarray] = {}
        probes = []
        for clip in TENSOR_CLIPS:
            samples = self._clips[clip]["samples"]
            mel = self._reference.log_mel(samples)
            states = self._reference.encode(mel)
            sequence = self._reference.prompt_tokens(Prompt(self._language("en"), previous=self._tokens(" Good morning.")), self._language("en"))[0]
            sequence += self._tokens(f" {self._clips[clip]['text']}")[:24]
            logits, _ = self._reference.logits(states, sequence, states.shape[1])
            mel_frames = [*range(0, mel.shape[-1] - 4, mel.shape[-1] // 32), *range(mel.shape[-1] - 4, mel.shape[-1])]
            frames = [*range(0, states.shape[1], states.shape[1] // 20), states.shape[1] - 1]
            positions = sorted({0, 1, len(sequence) // 2, len(sequence) - 2, len(sequence) - 1})
            tensors[f"{clip}.logMel"] = mel[0].numpy()[:, mel_frames].copy()
            tensors[f"{clip}.encoded"] = states[0].numpy()[frames].copy()
            tensors[f"{clip}.logits"] = logits.numpy()[positions].copy()
            bucket = self._reference.bucket(len(samples))
            where = {"melFrames": mel_frames, "encoderFrames": frames, "sequence": sequence, "positions": positions}
            probes.append({"clip": clip, "samples": len(samples), "bucketSamples": bucket, **where})
        return tensors, probes

    def _language(self, code: str) -> str:
        return code if code in self._reference.languages else next(iter(self._reference.languages))

    def _tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)


def common_prefix(left: list[int], right: list[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(left, right)) if a != b), min(len(left), len(right)))


def compact(content: dict) -> str:
    """JSON with one decode or probe a line: a change shows as the lines that changed."""
    lines = [f'  "{key}": {json.dumps(value)}' for key, value in content.items() if not isinstance(value, list)]
    for key, value in content.items():
        if isinstance(value, list):
            lines.append(f'  "{key}": [\n' + ",\n".join(f"    {json.dumps(item)}" for item in value) + "\n  ]")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    folders = [Path(argument).resolve() for argument in sys.argv[1:]] or [FIXTURES / "tiny-whisper"]
    # One thread: sums in one order, and a busy machine does not make two threads wait for each other.
    torch.set_num_threads(1)
    clips = read_clips()
    for folder in folders:
        GoldenWriter(folder, clips).write()


if __name__ == "__main__":
    main()
