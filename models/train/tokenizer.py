"""The byte-level BPE tokenizer with Whisper's special tokens in Whisper's order (Radford et al. 2022; tokenizer.json of Hugging Face)."""

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY = 2048
SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)


def train_tokenizer(sentences: list[str], path: Path) -> None:
    """Learns the merges from `sentences` (each token of a word's beginning carries its space) and writes tokenizer.json."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator((" " + s for s in sentences), trainer)
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.save(str(path))


@dataclass(frozen=True)
class Ids:
    """Numbers of the special tokens; every text token is smaller than `end`."""

    end: int = VOCABULARY - 9
    start: int = VOCABULARY - 8
    english: int = VOCABULARY - 7
    translate: int = VOCABULARY - 6
    transcribe: int = VOCABULARY - 5
    previous: int = VOCABULARY - 3
    no_speech: int = VOCABULARY - 2
    no_timestamps: int = VOCABULARY - 1

    @property
    def prompt(self) -> list[int]:
        return [self.start, self.english, self.transcribe, self.no_timestamps]


IDS = Ids()


def load_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    for i, name in enumerate(SPECIAL):
        if tokenizer.token_to_id(name) != VOCABULARY - len(SPECIAL) + i:
            raise ValueError(f"{path}: {name} is not where this recipe puts it")
    return tokenizer
