"""Word times come of decoder heads that look at the word that is being said. After an adaptation some of them look elsewhere in a short window,
at its edge for instance: those are left out."""
import torch

from student import CONTEXTS, TAIL_SECONDS
from teacher import frames_of, heard
from whisper import FRAMES_PER_SECOND, RATE

#: A head is kept if so many of its looks are within so many seconds of where the stock model's go, of those of the best head.
NEAR_SECONDS, KEPT = .2, .85


@torch.no_grad()
def shares_near(model, stock, student, windows, texts):
    """By (layer, head) of `alignment_heads`: the share of the words' tokens at which it looks within 0.2 s of where the stock model, with 30 s, has
    it look. `texts`: tokens by row, None for windows that are not to be used."""
    heads = [tuple(head) for head in model.generation.get('alignment_heads') or []]
    near, count = dict.fromkeys(heads, 0), 0
    for row, tokens in enumerate(texts):
        if tokens is None or len(tokens) < 3:
            continue
        prompt, samples = model.prompt(windows.languages[row]), int(windows.lengths[row])
        context = next((c for c in CONTEXTS if c >= samples / RATE + TAIL_SECONDS), 30)
        sequence = torch.tensor([prompt + tokens[:-1]], device=model.device)
        looks = []
        for weights, seconds in ((stock, 30), (student, context)):
            states = heard(model, weights, windows.samples, slice(row, row + 1), seconds)
            watched = dict.fromkeys(heads)
            model.decode(weights, sequence, model.cross(weights, states), watched)
            looks.append({head: x[0, len(prompt) - 1:-1, :frames_of(samples)].argmax(-1) for head, x in watched.items()})
        count += len(tokens) - 1
        for head in heads:
            near[head] += int(((looks[0][head] - looks[1][head]).abs() <= NEAR_SECONDS * FRAMES_PER_SECOND).sum())
    return {head: n / max(1, count) for head, n in near.items()}


def steady(shares):
    """The heads to keep."""
    best = max(shares.values(), default=0)
    return [list(head) for head, share in shares.items() if share >= KEPT * best]
