"""Measures which cross-attention heads follow time, and how far the words they point to lie from the synthesiser's own word times."""

import numpy as np
import torch

from .logmel import RATE, LogMel
from .model import DECODER_LAYERS, HEADS, Whisper
from .shards import FRAME
from .tokenizer import IDS

ALL_HEADS = tuple((layer, head) for layer in range(DECODER_LAYERS) for head in range(HEADS))


@torch.no_grad()
def attention(model: Whisper, logmel: LogMel, samples: np.ndarray, tokens: np.ndarray) -> torch.Tensor:
    """[heads, tokens, frames]: attention at the position that predicts each text token, with half a second of silence after the speech."""
    size = -(-(len(samples) + RATE // 2) // FRAME) * FRAME
    wave = np.zeros((1, size), np.float32)
    loud = samples.astype(np.float32)
    wave[0, : len(samples)] = loud / (np.abs(loud).max() + 1) * 0.5
    states, _ = model.encoder(logmel(torch.from_numpy(wave)), torch.float32)
    row = torch.tensor([IDS.prompt + tokens.tolist()])
    _, logits = model.decoder(row, model.decoder.listen(states, 1), torch.float32, ALL_HEADS)
    return logits[0, :, len(IDS.prompt) - 1 : -1].softmax(-1)


def word_groups(starts_word: list[bool]) -> list[tuple[int, int]]:
    """(first, past) token of each word."""
    firsts = [i for i, begins in enumerate(starts_word) if begins or i == 0]
    return list(zip(firsts, firsts[1:] + [len(starts_word)]))


def word_errors(attended: np.ndarray, starts: np.ndarray, ends: np.ndarray, words: list[tuple[int, int]]) -> np.ndarray:
    """Seconds between the middle of each word and the mean of the frames its tokens attend to. `attended` [tokens] frames."""
    middle = np.array([(starts[a] + ends[b - 1]) / 2 for a, b in words])
    pointed = np.array([attended[a:b].mean() + 0.5 for a, b in words])
    return np.abs(middle - pointed) * FRAME / RATE


def measure(model: Whisper, logmel: LogMel, utterances: list[tuple], count: int) -> dict:
    """`utterances`: (samples, tokens, starts, ends, starts_word). Heads ranked by their median word error; then the best four together."""
    kept, single = [], [[] for _ in ALL_HEADS]
    for samples, tokens, starts, ends, begins in utterances[:count]:
        weights = attention(model, logmel, samples, tokens)
        words = word_groups(begins)
        kept.append((weights, starts, ends, words))
        for i in range(len(ALL_HEADS)):
            single[i].append(word_errors(weights[i].argmax(-1).numpy(), starts, ends, words))
    medians = [float(np.median(np.concatenate(errors))) for errors in single]
    best = sorted(range(len(ALL_HEADS)), key=lambda i: medians[i])[:4]
    chosen = sorted(ALL_HEADS[i] for i in best)
    together = np.concatenate([word_errors(w[best].mean(0).argmax(-1).numpy(), s, e, words) for w, s, e, words in kept])
    last = np.concatenate([np.array([e[b - 1] - w[best].mean(0)[b - 1].argmax().item() for _, b in words]) * FRAME / RATE for w, s, e, words in kept])
    return {
        "heads": [list(head) for head in chosen],
        "median error of each (s)": {str(ALL_HEADS[i]): round(medians[i], 3) for i in sorted(range(len(ALL_HEADS)), key=lambda i: medians[i])[:8]},
        "words": len(together),
        "median error together (s)": round(float(np.median(together)), 3),
        "90th percentile (s)": round(float(np.percentile(together, 90)), 3),
        "median of word end minus attended frame of its last token (s)": round(float(np.median(last)), 3),
    }
