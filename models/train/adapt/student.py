"""Distillation: the student, given a context that fits the speech, must have the hidden states and say the words that the teacher has with
30 s. After CarelessWhisper and whisper-acft, which cut contexts too; here for prefixes cut anywhere and for free lengths together.
"""
import math
import random
import time

import torch
import torch.nn.functional as F

from teacher import frames_of, wave
from whisper import FRAMES_PER_SECOND, RATE

CONTEXTS = [2, 4, 6, 8, 12, 16, 22, 30]
TAIL_SECONDS = .2
#: End of text decides whether something is said twice.
END_WEIGHT = 5
PROMPTED = .2
SECONDS_PER_BATCH = 640


def context_of(samples, rng):
    """Mostly the shortest that fits, now and then a longer one."""
    seconds = len(samples) / RATE + TAIL_SECONDS * rng.random()
    fitting = [c for c in CONTEXTS if c >= seconds] or [CONTEXTS[-1]]
    draw = rng.random()
    return fitting[0] if draw < .7 else fitting[min(1, len(fitting) - 1)] if draw < .88 else rng.choice(fitting)


def batches(windows, labels, rng, seconds):
    """Endless (context, rows); a batch has one context and about as many seconds as the others."""
    usable = [i for i, tokens in enumerate(labels) if tokens is not None]
    while True:
        by_context = {}
        for i in usable:
            by_context.setdefault(context_of(windows[i][2], rng), []).append(i)
        found = []
        for context, rows in by_context.items():
            rng.shuffle(rows)
            size = max(4, min(128, int(seconds / context)))
            found += [(context, rows[s:s + size]) for s in range(0, len(rows), size)]
        rng.shuffle(found)
        yield from found


def targets(model, windows, labels, rows, by_language, rng):
    """Token rows with their prompts (some with text before), a mask of the places that count, and their weights."""
    sequences, starts = [], []
    for i in rows:
        prompt = model.prompt(windows[i][1])
        others = by_language[windows[i][1]]
        if model.before is not None and others and rng.random() < PROMPTED:
            room = model.positions - len(prompt) - len(labels[i])
            previous = labels[rng.choice(others)][:-1][-60:]
            prompt = [model.before, *previous[max(0, len(previous) - room):], *prompt]
        starts.append(len(prompt) - 1)
        sequences.append(prompt + labels[i])
    length = max(map(len, sequences)) - 1
    tokens = torch.full((len(rows), length), model.end)
    weights, label = torch.zeros(len(rows), length), torch.full((len(rows), length), model.end)
    for row, (sequence, start) in enumerate(zip(sequences, starts)):
        n = len(sequence) - 1
        tokens[row, :n] = torch.tensor(sequence[:-1])
        label[row, :n] = torch.tensor(sequence[1:])
        weights[row, start:n] = 1
        weights[row, n - 1] = END_WEIGHT
    return tokens.to(model.device), label.to(model.device), weights.to(model.device)


def distil(model, teacher, windows, labels, minutes, rate, seed=0, trained='all', seconds=SECONDS_PER_BATCH, log=print, checkpoint=None):
    """The student's weights: an average over the last steps. `teacher`: float32 weights. `trained`: all, or encoder (and the decoder's
    attention to it)."""
    rng = random.Random(seed)
    is_trained = lambda name: name != 'encoder.embed_positions.weight' and (
        trained == 'all' or name.startswith('encoder.') or 'encoder_attn' in name
    )
    half = {name: w.bfloat16() for name, w in teacher.items()}
    student = {name: torch.nn.Parameter(w.clone(), requires_grad=is_trained(name)) for name, w in teacher.items()}
    parameters = [w for w in student.values() if w.requires_grad]
    optimiser = torch.optim.AdamW(parameters, rate, betas=(.9, .98), weight_decay=0, fused=model.device == 'cuda')
    average = {name: w.detach().clone() for name, w in student.items()}
    by_language = {}
    for i, (kind, language, _) in enumerate(windows):
        if labels[i] is not None and len(labels[i]) > 4:
            by_language.setdefault(language, []).append(i)
    for language in {language for _, language, _ in windows}:
        by_language.setdefault(language, [])
    started, step, sums = time.time(), 0, torch.zeros(3)
    for context, rows in batches(windows, labels, rng, seconds):
        share = (time.time() - started) / (minutes * 60)
        if share >= 1:
            break
        for group in optimiser.param_groups:
            group['lr'] = rate * min(1, (step + 1) / 100) * (.5 + .5 * math.cos(math.pi * share))
        tokens, label, weights = targets(model, windows, labels, rows, by_language, rng)
        audio = [windows[i][2] for i in rows]
        frames = min(int(context * FRAMES_PER_SECOND), max(map(frames_of, audio)))
        speech = torch.tensor([windows[i][0] != 'nothing' for i in rows], device=model.device)
        filled = torch.zeros(len(rows), frames, device=model.device)
        for row, samples in enumerate(audio):
            filled[row, :min(frames, frames_of(samples))] = 1
        # Where the label is not the teacher's own word, its distribution is no target either.
        own = speech & torch.tensor([len(labels[i]) > 1 for i in rows], device=model.device)
        with torch.no_grad():
            far = model.encode(half, model.log_mel(wave(audio, 30, model.device)).bfloat16())
            wanted = torch.stack(model.decode(half, tokens, model.cross(half, far)), 1)
            wanted_logits = F.linear(wanted[:, -1], half['decoder.embed_tokens.weight']).float().log_softmax(-1)
        with torch.autocast(model.device, torch.bfloat16):
            near = model.encode(student, model.log_mel(wave([a[:int(context * RATE)] for a in audio], context, model.device)))
            states = torch.stack(model.decode(student, tokens, model.cross(student, near)), 1)
            logits = F.linear(states[:, -1], student['decoder.embed_tokens.weight']).float().log_softmax(-1)
        divergence = (wanted_logits.exp() * (wanted_logits - logits)).sum(-1)
        surprise = -logits.gather(-1, label[..., None])[..., 0]
        words = (torch.where(own[:, None], divergence + .1 * surprise, surprise) * weights).sum() / weights.sum()
        mask = (weights > 0).float() * own[:, None]
        hidden = relative_error(states, wanted, mask[:, None].expand(-1, states.shape[1], -1))
        encoder = relative_error(near[:, :frames], far[:, :frames], filled * own[:, None])
        optimiser.zero_grad(set_to_none=True)
        (words + hidden + .3 * encoder).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        step += 1
        with torch.no_grad():
            keep = min(.999, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(average.values()), [student[name].detach() for name in average], 1 - keep)
        sums += torch.tensor([words.item(), hidden.item(), encoder.item()]) if step % 10 == 0 else 0
        if step % 250 == 0:
            log(f'step {step}, {share:.0%} of the time: words {sums[0] / 25:.4f}, hidden {sums[1] / 25:.4f}, encoder {sums[2] / 25:.4f}')
            sums.zero_()
    log(f'{step} steps')
    return average


def relative_error(given, wanted, mask):
    squared = ((given.float() - wanted.float()) ** 2).mean(-1) / (wanted.float() ** 2).mean(-1).clamp(min=1e-3)
    return (squared * mask).sum() / (mask.sum() + 1)
