"""How far weights, in contexts that fit, are from the teacher's own text, or from transcripts, and what they say of windows without speech."""
import unicodedata

import torch

from greedy import Greedy
from student import CONTEXTS, TAIL_SECONDS
from teacher import heard
from transcripts import BY_CHARACTER
from whisper import FRAMES_PER_SECOND, RATE


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


class Judge:
    """Windows of held-out recordings, and what the teacher says of them, where it is sure; None elsewhere."""

    def __init__(self, model, teacher, windows, sure=-.5, rows=96):
        self.model, self.windows, self.rows = model, windows, rows
        labels, _, _, certainties = teacher.label(windows)
        known = [transcript is not None for transcript in windows.transcripts]
        self.labels = [tokens if tokens and (is_known or certainty > sure) else None for tokens, certainty, is_known in zip(labels, certainties, known)]
        self.weights = {name: w.clone() for name, w in teacher.weights.items()}
        self.by_context = {}
        for i, samples in enumerate(windows.lengths):
            if self.labels[i] is not None or windows.kinds[i] == 'nothing':
                self.by_context.setdefault(next((c for c in CONTEXTS if c >= samples / RATE + TAIL_SECONDS), 30), []).append(i)
        self.greedy = {c: Greedy(model, self.weights, rows, int(c * FRAMES_PER_SECOND), min(220, 20 + 12 * c)) for c in self.by_context}

    @torch.no_grad()
    def texts(self):
        """What the weights say of each window in the shortest context that fits, and how many texts never ended."""
        model, windows = self.model, self.windows
        out, endless = [''] * len(windows.lengths), 0
        for context, rows in self.by_context.items():
            for at in range(0, len(rows), self.rows):
                some = rows[at:at + self.rows]
                states = heard(model, self.weights, windows.samples, torch.tensor(some, device=model.device), context)
                tokens, done, _ = self.greedy[context](states, [model.prompt(windows.languages[i]) for i in some], min(220, 20 + 12 * context))
                endless += int((~done).sum())
                for i, row in zip(some, tokens.tolist()):
                    out[i] = model.text(row[:row.index(model.end)] if model.end in row else row)
        return out, endless

    def judge(self, weights):
        """Errors of these weights by language, %, against the teacher's text, words said of nothing, and texts without an end."""
        for name, w in weights.items():
            self.weights[name].copy_(w)
        said, endless = self.texts()
        errors, lengths, invented = {}, {}, 0
        for kind, language, label, text in zip(self.windows.kinds, self.windows.languages, self.labels, said):
            given = units(text, language)
            if kind == 'nothing':
                invented += len(given)
            elif label is not None:
                wanted = units(self.model.text(label), language)
                errors[language] = errors.get(language, 0) + distance(wanted, given)
                lengths[language] = lengths.get(language, 0) + len(wanted)
        return {name: 100 * errors[name] / max(1, lengths[name]) for name in sorted(errors)}, invented, endless


def score(rates, invented, endless):
    """One number, less is better: the mean language and the worst one count alike, and what is invented or never ends counts besides."""
    return (sum(rates.values()) / max(1, len(rates)) + max(rates.values(), default=0)) / 2 + .05 * invented + endless


def mixed(student, stock, share):
    """Weights between two models: averaging keeps what the stock model knows and the student saw little of (WiSE-FT)."""
    return {name: share * student[name] + (1 - share) * stock[name] for name in stock}
