"""Byte-level BPE with single digits, as llama.cpp's pre-tokenizer "smollm" splits, and the prompt format sotto-polish-v1."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

VOCABULARY = 5120
SPECIAL = ("<|end|>", "<|context|>", "<|raw|>", "<|clean|>")
END, CONTEXT, RAW, CLEAN = range(4)


def train_tokenizer(texts: list[str], path: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(path))


def load_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    if [tokenizer.token_to_id(name) for name in SPECIAL] != [END, CONTEXT, RAW, CLEAN]:
        raise ValueError(f"{path}: the special tokens are not where this recipe puts them")
    tokenizer.encode_special_tokens = True  # "<|raw|>" inside a text is text
    return tokenizer


def prompt(context: list[int], raw: list[int]) -> list[int]:
    """[<|context|> previous clean text] <|raw|> raw text <|clean|>; the model goes on with the clean text and <|end|>."""
    return ([CONTEXT, *context] if context else []) + [RAW, *raw, CLEAN]
