"""Distillation: the student, given a context that fits the speech, must have the hidden states and say the words that the teacher has with
30 s. After CarelessWhisper and whisper-acft, which cut contexts too; here for prefixes cut anywhere and for free lengths together.
"""
import math
import random
import time

import numpy as np
import torch
import torch.nn.functional as F

from graph import Recorded
from teacher import LONGEST_TEXT, frames_of, heard
from whisper import FRAMES_PER_SECOND, RATE

CONTEXTS = [2, 4, 6, 8, 12, 16, 22, 30]
TAIL_SECONDS = .2
#: End of text decides whether something is said twice.
END_WEIGHT = 5
#: The language, which is known, is the word behind <|startoftranscript|>: so much does it count, half of it the truth and half what the teacher
#: thinks, so that languages which are not in the audio are not forgotten. Of other words that are the teacher's own the truth counts little.
LANGUAGE_WEIGHT, LANGUAGE_TRUTH, WORD_TRUTH = 2, 1, .1
#: Share of rows with text before, and how many tokens of it.
PROMPTED, PREVIOUS = .2, 60
#: Windows that are made and labelled at a time, and how often each is heard before the next ones come.
ROUND, HEARD = 2048, 2
SECONDS_PER_BATCH = 1280
#: What short windows change is how sound is heard. The decoder, which knows the languages, moves slower, its embeddings not at all.
DECODER_RATE = .3
FROZEN = ('encoder.embed_positions.weight', 'decoder.embed_tokens.weight', 'decoder.embed_positions.weight')


def context_of(samples, rng):
    """Mostly the shortest that fits, now and then a longer one."""
    seconds = samples / RATE + TAIL_SECONDS * rng.random()
    fitting = [c for c in CONTEXTS if c >= seconds] or [CONTEXTS[-1]]
    draw = rng.random()
    return fitting[0] if draw < .7 else fitting[min(1, len(fitting) - 1)] if draw < .88 else rng.choice(fitting)


def batches(lengths, labels, rng, seconds):
    """(context, rows): every usable window once; a batch has one context and about as many seconds as the others."""
    by_context = {}
    for i, tokens in enumerate(labels):
        if tokens is not None:
            by_context.setdefault(context_of(lengths[i], rng), []).append(i)
    found = []
    for context, rows in by_context.items():
        rng.shuffle(rows)
        parts = -(-len(rows) // rows_of(context, seconds))
        found += [(context, rows[part::parts]) for part in range(parts)]
    rng.shuffle(found)
    return found


def rows_of(context, seconds):
    return max(4, min(256, int(seconds / context)))


class Batch:
    """What a step learns from, in tensors that keep their places: one context, so many rows and tokens at most."""

    def __init__(self, context, rows, device):
        self.context, self.device = context, device
        longest = min(LONGEST_TEXT, 14 * context + 4) + 1
        self.places = rows * min(longest, 5 * context + 10)
        make = lambda *shape, kind=torch.long: torch.zeros(*shape, dtype=kind, device=device)
        self.rows, self.filled = make(rows), make(rows)
        self.spoken = make(rows, kind=torch.bool)
        self.tokens = make(rows, PREVIOUS + 5 + longest)
        # The places whose next word counts: where in the flattened tokens, what the word is, its weight, how much the teacher's distribution is
        # its target, and how much the word itself.
        self.at, self.wanted = make(self.places), make(self.places)
        self.weight, self.taught, self.truth = (make(self.places, kind=torch.float32) for _ in range(3))

    def fill(self, model, windows, labels, are_own, rows, by_language, rng):
        count, length = self.tokens.shape
        tokens = np.full((count, length), model.end)
        at, wanted, weight, taught, truth = [], [], [], [], []
        spoken = [windows.kinds[i] != 'nothing' and len(labels[i]) > 1 for i in rows]
        for k, i in enumerate(rows):
            prompt = model.prompt(windows.languages[i])
            others = by_language.get(windows.languages[i])
            if model.before is not None and others and rng.random() < PROMPTED:
                prompt = [model.before, *labels[rng.choice(others)][:-1][-PREVIOUS:], *prompt]
            elif model.is_multilingual and spoken[k]:
                at.append(k * length)
                wanted.append(prompt[1])
                weight.append(LANGUAGE_WEIGHT)
                taught.append(1)
                truth.append(LANGUAGE_TRUTH)
            sequence = prompt + labels[i]
            tokens[k, :len(sequence) - 1] = sequence[:-1]
            at += range(k * length + len(prompt) - 1, k * length + len(sequence) - 1)
            wanted += labels[i]
            weight += [1] * (len(labels[i]) - 1) + [END_WEIGHT]
            # Where the label is not the teacher's own word, its distribution is no target either; of silence its states are none.
            is_own = spoken[k] and are_own[i]
            taught += [1 if is_own else 0] * len(labels[i])
            truth += [WORD_TRUTH if is_own else 1] * len(labels[i])
        places = lambda values: np.array((values + [0] * self.places)[:self.places])
        frames = [frames_of(int(windows.lengths[i])) for i in rows]
        padded = lambda values: np.array(values + [0] * (count - len(rows)))
        for tensor, values in [
            (self.rows, padded(list(rows))), (self.filled, padded(frames)), (self.spoken, padded(spoken)), (self.tokens, tokens), (self.at, places(at)),
            (self.wanted, places(wanted)), (self.weight, places(weight)), (self.taught, places(taught)), (self.truth, places(truth)),
        ]:
            tensor.copy_(torch.from_numpy(values))


class Student:
    """A copy of the teacher that learns from rounds of windows."""

    def __init__(self, model, teacher, weights, rate, decoder_rate, seconds):
        self.model, self.teacher, self.seconds, self.device = model, teacher, seconds, model.device
        self.weights = {name: torch.nn.Parameter(w.clone(), requires_grad=name not in FROZEN) for name, w in weights.items()}
        part = lambda start: [w for name, w in self.weights.items() if w.requires_grad and name.startswith(start)]
        self.rates = (rate, rate * decoder_rate)
        self.parameters = part('')
        is_gpu = self.device == 'cuda'
        zero = lambda: torch.zeros((), device=self.device) if is_gpu else 0.
        groups = [{'params': part('encoder.'), 'lr': zero()}, {'params': part('decoder.'), 'lr': zero()}]
        self.optimiser = torch.optim.AdamW(groups, betas=(.9, .98), weight_decay=0, fused=is_gpu, capturable=is_gpu)
        self.samples, self.far, self.batches, self.steps = None, None, {}, 0

    def begin(self, windows, far):
        """The windows of a round and the teacher's states of them, kept where the recorded steps look."""
        if self.samples is None:
            self.samples, self.far = windows.samples, far
        else:
            self.samples.copy_(windows.samples)
            self.far.copy_(far)

    def set_rate(self, factor):
        for group, rate in zip(self.optimiser.param_groups, self.rates):
            if torch.is_tensor(group['lr']):
                group['lr'].fill_(rate * factor)
            else:
                group['lr'] = rate * factor

    def step(self, windows, labels, are_own, context, rows, by_language, rng, share):
        """One step on these rows when `share` of the time is over; the three losses."""
        if context not in self.batches:
            batch = Batch(context, rows_of(context, self.seconds), self.device)
            self.batches[context] = batch, Recorded(lambda: self.learn(batch), self.device)
        batch, learn = self.batches[context]
        batch.fill(self.model, windows, labels, are_own, rows, by_language, rng)
        if learn.is_recorded and learn.graph is None:
            self.set_rate(0)
            learn.record()
        self.set_rate(min(1, (self.steps + 1) / 100) * (.5 + .5 * math.cos(math.pi * share)))
        self.steps += 1
        return learn().clone()

    def learn(self, batch):
        model, weights, teacher = self.model, self.weights, self.teacher.weights
        chosen = lambda states: torch.stack([s.flatten(0, 1)[batch.at] for s in states])
        with torch.no_grad():
            far = self.far[batch.rows]
            goal = chosen(model.decode(teacher, batch.tokens, model.cross(teacher, far)))
            goal_words = F.linear(goal[-1], teacher['decoder.embed_tokens.weight']).float().log_softmax(-1)
        with torch.autocast(self.device, torch.bfloat16, cache_enabled=False):
            near = heard(model, weights, self.samples, batch.rows, batch.context)
            states = chosen(model.decode(weights, batch.tokens, model.cross(weights, near)))
            said = F.linear(states[-1], weights['decoder.embed_tokens.weight']).float().log_softmax(-1)
        divergence = (goal_words.exp() * (goal_words - said)).sum(-1)
        surprise = -said.gather(-1, batch.wanted[:, None])[:, 0]
        words = ((batch.taught * divergence + batch.truth * surprise) * batch.weight).sum() / batch.weight.sum()
        hidden = relative_error(states, goal, batch.taught.expand(len(states), -1))
        frames = near.shape[1]
        is_filled = (torch.arange(frames, device=self.device) < batch.filled[:, None]) & batch.spoken[:, None]
        encoder = relative_error(near, far[:, :frames], is_filled.float())
        self.optimiser.zero_grad(set_to_none=True)
        (words + hidden + .3 * encoder).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        return torch.stack([words, hidden, encoder]).detach()


def distil(model, teacher, weights, studio, minutes, rate, decoder_rate, round_size, seconds, seed=0, log=print, together=lambda tensors: None):
    """The student's weights. `weights`: the stock ones, float32; `studio` makes the windows, round after round, until the time is over.
    `together` gives tensors the mean of all students that learn at once on other GPUs."""
    rng, student = random.Random(seed), Student(model, teacher, weights, rate, decoder_rate, seconds)
    started, told, rounds = time.time(), 0, 0
    spent = lambda: (time.time() - started) / (minutes * 60)
    progress = torch.zeros((), device=model.device)
    while progress < 1:
        begun = time.time()
        windows = studio.windows(round_size)
        labels, are_own, far, _ = teacher.label(windows)
        student.begin(windows, far)
        labelled = time.time()
        by_language = {}
        for i, tokens in enumerate(labels):
            if tokens is not None and len(tokens) > 4:
                by_language.setdefault(windows.languages[i], []).append(i)
        losses = []
        for context, rows in (batch for _ in range(HEARD) for batch in batches(windows.lengths, labels, rng, seconds)):
            if spent() >= 1:
                break
            losses.append(student.step(windows, labels, are_own, context, rows, by_language, rng, spent()))
        rounds += 1
        # Their clocks differ a little: the mean decides for all of them whether another round comes.
        progress.fill_(spent())
        together([progress, *student.parameters])
        if losses and time.time() - told > 15:
            mean = torch.stack(losses).mean(0).tolist()
            told = time.time()
            log(f'{spent():4.0%}: round {rounds}, step {student.steps}: words {mean[0]:.4f}, hidden {mean[1]:.4f}, encoder {mean[2]:.4f}; '
                f'{sum(tokens is not None for tokens in labels)} of {round_size} labels believed, '
                f'{sum(not own and t is not None and len(t) > 1 for own, t in zip(are_own, labels))} by transcripts; '
                f'{labelled - begun:.1f} s made and labelled, {told - labelled:.1f} s taught')
    log(f'{rounds * round_size} windows, {student.steps} steps')
    return {name: w.detach() for name, w in student.weights.items()}


def relative_error(given, wanted, mask):
    squared = ((given.float() - wanted.float()) ** 2).mean(-1) / (wanted.float() ** 2).mean(-1).clamp(min=1e-3)
    return (squared * mask).sum() / (mask.sum() + 1)
