"""How many errors a set of weights makes: against transcripts where there are any, else against the teacher's own text; and what it says of
windows without speech."""
import re
import unicodedata

import torch

from student import CONTEXTS, TAIL_SECONDS
from teacher import wave
from whisper import RATE

BY_CHARACTER = {'zh', 'ja', 'ko', 'th'}


def units(text, language):
    """Words, or characters of languages without spaces; no punctuation, no case."""
    plain = ''.join(c if unicodedata.category(c)[0] in 'LN' or c == "'" else ' ' for c in unicodedata.normalize('NFKC', text).lower())
    return list(plain.replace(' ', '')) if language in BY_CHARACTER else plain.split()


def distance(wanted, given):
    """Edits from one list to the other (Levenshtein)."""
    row = list(range(len(given) + 1))
    for i, w in enumerate(wanted, 1):
        before, row[0] = row[0], i
        for j, g in enumerate(given, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (w != g))
    return row[-1]


@torch.no_grad()
def texts(model, weights, windows, is_short, batch=96):
    """What the weights say of each window, and which never ended."""
    weights = {name: w.bfloat16() for name, w in weights.items()}
    out, endless = [''] * len(windows), 0
    by_context = {}
    for i, (_, _, samples) in enumerate(windows):
        seconds = len(samples) / RATE + TAIL_SECONDS
        by_context.setdefault(next((c for c in CONTEXTS if c >= seconds), 30) if is_short else 30, []).append(i)
    for context, rows in by_context.items():
        for at in range(0, len(rows), batch):
            some = rows[at:at + batch]
            states = model.encode(weights, model.log_mel(wave([windows[i][2] for i in some], context, model.device)).bfloat16())
            prompt = torch.tensor([model.prompt(windows[i][1]) for i in some], device=model.device)
            tokens, done, _ = model.greedy(weights, states, prompt, min(220, int(20 + 12 * context)))
            endless += int((~done).sum())
            for i, row in zip(some, tokens.tolist()):
                out[i] = model.text(row[:row.index(model.end)] if model.end in row else row)
    return out, endless


def judge(model, weights, windows, references, groups, is_short):
    """Error rates by group, %, words said of nothing, and texts without an end."""
    said, endless = texts(model, weights, windows, is_short)
    errors, lengths, invented = {}, {}, 0
    for (kind, language, _), reference, group, text in zip(windows, references, groups, said):
        given = units(text, language)
        if kind == 'nothing':
            invented += len(given)
            continue
        wanted = units(reference, language)
        errors[group] = errors.get(group, 0) + distance(wanted, given)
        lengths[group] = lengths.get(group, 0) + len(wanted)
    return {group: 100 * errors[group] / max(1, lengths[group]) for group in sorted(errors)}, invented, endless


def mixed(student, stock, share):
    """Weights between two models: averaging keeps what the stock model knows and the student saw little of (WiSE-FT)."""
    return {name: share * student[name] + (1 - share) * stock[name] for name in stock}
