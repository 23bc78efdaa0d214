"""What the teacher, the model as it is with 30 s of context, says of windows: the labels of the student."""
import torch

from corpus import Corpus
from greedy import Greedy
from transcripts import label as transcribed
from whisper import FRAMES_PER_SECOND, RATE

LONGEST_TEXT = 200
#: More than any language needs: what exceeds it is a loop or invented.
TOKENS_PER_SECOND = {'zh': 12, 'ja': 14, 'ko': 14, 'default': 11}


def hold_out(folder, share=.04):
    """Recordings to train on and others to judge by: some whole speakers (folders) of each language, and the last recordings of a speaker who
    is more than a quarter of it."""
    corpus = Corpus(folder)
    training, held_out = [], []
    for rows in corpus.by_language().values():
        by_speaker = {}
        for i in rows:
            by_speaker.setdefault(corpus.rows[i]['speaker'], []).append(i)
        large = {name for name, own in by_speaker.items() if len(own) > len(rows) / 4}
        small = [name for name in sorted(by_speaker) if name not in large]
        unheard = set(small[::max(2, int(1 / share))]) if len(small) > 1 else set()
        for name, own in by_speaker.items():
            cut = 0 if name in unheard else len(own) - int(share * len(own)) - (len(own) > 1) if name in large else len(own)
            training += own[:cut]
            held_out += own[cut:]
    return training, held_out or training


def heard(model, weights, samples, rows, seconds):
    """The encoder's states of these rows of int16 samples in a context of `seconds`."""
    audio = samples[rows, :int(seconds * RATE)].float() / 32768
    return model.encode(weights, model.log_mel(audio).to(weights['encoder.conv1.bias'].dtype))


class Teacher:
    """The model as it is, with 30 s of context, in bfloat16."""

    def __init__(self, model, weights, batch):
        self.model, self.weights, self.batch = model, {name: w.bfloat16() for name, w in weights.items()}, batch
        self.greedy = Greedy(model, self.weights, batch, 1500, LONGEST_TEXT + 1)

    @torch.no_grad()
    def label(self, windows):
        """Tokens of every window, end of text included, None where they are not to be believed; for each whether they are the teacher's own, or
        a transcript's; the teacher's states of all windows [rows, 1500, width]; and its certainty, the mean log-probability of a token."""
        model, labels, certainties, all_states = self.model, [], [], []
        for at in range(0, len(windows.lengths), self.batch):
            rows = slice(at, at + self.batch)
            states = heard(model, self.weights, windows.samples, rows, 30)
            all_states.append(states)
            seconds = windows.lengths[rows][-1] / RATE
            prompts = [model.prompt(name) for name in windows.languages[rows]]
            tokens, done, certainty = self.greedy(states, prompts, int(min(LONGEST_TEXT + 1, 16 + 12 * seconds)))
            certainties += certainty.tolist()
            said = zip(windows.kinds[rows], windows.languages[rows], windows.lengths[rows], tokens.tolist(), done.tolist(), certainties[at:])
            labels += [[model.end] if kind == 'nothing' else believed(model, *rest) for kind, *rest in said]
        own = [kind != 'nothing' for kind in windows.kinds]
        for i, transcript in enumerate(windows.transcripts):
            if transcript is not None:
                labels[i], own[i] = self.put_right(labels[i], certainties[i], transcript, windows.languages[i])
        return labels, own, torch.cat(all_states), certainties

    def put_right(self, tokens, certainty, transcript, language):
        """The label of a window whose transcript is known, and whether it is what the teacher said."""
        model = self.model
        found = transcribed(None if tokens is None else model.text(tokens), certainty, transcript, language)
        if found is None:
            return None, False
        text, is_own = found
        return (tokens, True) if is_own and tokens is not None else ([*model.tokens(text), model.end], False)


def believed(model, language, samples, tokens, is_done, certainty):
    """The label of a window of speech. A first half second often makes the teacher invent a sentence: nothing is the better answer."""
    seconds = samples / RATE
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
    return min(1500, -(-samples * FRAMES_PER_SECOND // RATE) + 2)
