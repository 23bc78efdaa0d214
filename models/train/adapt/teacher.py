"""Windows and what the teacher, the model as it is with 30 s of context, says of them: the labels of the student."""
from concurrent.futures import ProcessPoolExecutor
import os

import numpy as np
import torch

from corpus import Corpus
from whisper import FRAMES_PER_SECOND, RATE
from windows import KINDS, window

LONGEST_TEXT = 200
#: More than any language needs: what exceeds it is a loop or invented.
TOKENS_PER_SECOND = {'zh': 12, 'ja': 14, 'ko': 14, 'default': 11}


def make_windows(folder, count, rows, seed=0, workers=None):
    """`count` windows as (kind, language, samples int16) of these recordings. A language's share follows the root of its audio, so that small
    ones are not drowned."""
    corpus = Corpus(folder)
    by_language = corpus.by_language(rows)
    names = sorted(by_language)
    weight = np.array([sum(corpus.rows[i]['samples'] for i in by_language[name]) ** .5 for name in names])
    rng = np.random.default_rng(seed)
    kinds = rng.choice(list(KINDS), count, p=np.array(list(KINDS.values())) / sum(KINDS.values()))
    languages = rng.choice(names, count, p=weight / weight.sum())
    with ProcessPoolExecutor(workers or os.cpu_count(), initializer=open_corpus, initargs=(folder, by_language)) as pool:
        return list(pool.map(make_one, kinds, languages, range(seed * 10 ** 7, seed * 10 ** 7 + count), chunksize=64))


def hold_out(folder, share=.04):
    """Recordings to train on and others to judge by: whole speakers (folders) of each language where it has several, else its last recordings."""
    corpus = Corpus(folder)
    training, held_out = [], []
    for rows in corpus.by_language().values():
        speakers = sorted({corpus.rows[i]['speaker'] for i in rows})
        few = set(speakers[::max(2, int(1 / share))]) if len(speakers) > 1 else set()
        cut = len(rows) - max(1, int(share * len(rows))) if not few else 0
        for at, i in enumerate(rows):
            is_held_out = corpus.rows[i]['speaker'] in few if few else at >= cut and len(rows) > 1
            (held_out if is_held_out else training).append(i)
    return training, held_out or training


def open_corpus(folder, by_language):
    global shared
    shared = (Corpus(folder), by_language)


def make_one(kind, language, seed):
    corpus, by_language = shared
    rng = np.random.default_rng(seed)
    rows = by_language[language]
    return str(kind), str(language), window(str(kind), lambda: corpus.audio(rows[rng.integers(len(rows))]), rng)


def wave(windows, seconds, device):
    """[rows, samples] float, padded with silence."""
    n = int(seconds * RATE)
    longest = min(n, max(map(len, windows)))
    out = np.zeros((len(windows), longest), np.int16)
    for row, samples in zip(out, windows):
        row[:len(samples)] = samples[:longest]
    # Padded there: on one H200 filling 30 s a row here took four fifths of every step.
    audio = torch.from_numpy(out).to(device).float() / 32768
    return torch.nn.functional.pad(audio, (0, n - longest))


@torch.no_grad()
def label(model, weights, windows, batch):
    """Tokens of every window, end of text included; None where the teacher's text is not to be believed."""
    labels = [None] * len(windows)
    order = sorted(range(len(windows)), key=lambda i: len(windows[i][2]))
    for at in range(0, len(order), batch):
        some = order[at:at + batch]
        spoken = [i for i in some if windows[i][0] != 'nothing']
        for i in some:
            if windows[i][0] == 'nothing':
                labels[i] = [model.end]
        if not spoken:
            continue
        states = model.encode(weights, model.log_mel(wave([windows[i][2] for i in spoken], 30, model.device)).to(weights['encoder.conv1.bias'].dtype))
        prompt = torch.tensor([model.prompt(windows[i][1]) for i in spoken], device=model.device)
        seconds = len(windows[some[-1]][2]) / RATE
        tokens, done, certainty = model.greedy(weights, states, prompt, int(min(LONGEST_TEXT + 1, 16 + 12 * seconds)))
        for i, row, is_done, mean in zip(spoken, tokens.tolist(), done.tolist(), certainty.tolist()):
            labels[i] = believed(model, windows[i], row, is_done, mean)
    return labels


def believed(model, given, tokens, is_done, certainty):
    """The label of a window of speech. A first half second often makes the teacher invent a sentence: nothing is the better answer."""
    _, language, samples = given
    seconds = len(samples) / RATE
    if model.end in tokens:
        tokens = tokens[:tokens.index(model.end)]
    limit = TOKENS_PER_SECOND.get(language, TOKENS_PER_SECOND['default']) * seconds + 4
    if seconds < 1.5 and (len(tokens) > limit * .7 or certainty < -1):
        return [model.end]
    if not is_done or len(tokens) > min(limit, LONGEST_TEXT) or certainty < -1.3 or loops(tokens):
        return None
    return [*tokens, model.end]


def loops(tokens):
    """Whether some run of tokens comes four times in a row."""
    return any(
        len(tokens) >= 4 * n and any(tokens[i:i + n] * 4 == tokens[i:i + 4 * n] for i in range(len(tokens) - 4 * n + 1))
        for n in range(1, 20)
    )


def frames_of(samples):
    """Encoder frames that a window fills."""
    return min(1500, -(-len(samples) * FRAMES_PER_SECOND // RATE) + 2)
