"""Teaches a Whisper to hear contexts of 2 to 30 s, so that a short window costs a short encoder run. See README.md.

    python adapt.py MODEL --audio en=DIR zh=DIR --out OUT [--minutes 8]
"""
import argparse
import os
import tempfile
import time

import numpy as np
import torch

from corpus import pack
from judge import judge, mixed
from student import CONTEXTS, SECONDS_PER_BATCH, TAIL_SECONDS, distil
from teacher import hold_out, label, make_windows
from whisper import Whisper

MIXTURES = (1, .75, .5)
DEVELOPMENT_WINDOWS = 900


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='a Whisper in Hugging Face layout')
    parser.add_argument('--audio', nargs='+', metavar='LANGUAGE=FOLDER', help='recordings in any format; transcripts are not needed')
    parser.add_argument('--corpus', help='a folder that an earlier run packed (corpus.bin, corpus.jsonl), instead of --audio')
    parser.add_argument('--out', required=True, help='where the adapted model goes')
    parser.add_argument('--minutes', type=float, default=8, help='of training, besides making windows and labels (default 8)')
    parser.add_argument('--windows', type=int, default=12_000, help='windows to train on (default 12000)')
    parser.add_argument('--rate', type=float, default=2e-5, help='learning rate (default 2e-5; 5e-6 for large)')
    parser.add_argument('--batch-seconds', type=float, default=SECONDS_PER_BATCH, help='audio in a batch; less needs less memory')
    parser.add_argument('--trained', choices=('all', 'encoder'), default='all', help='which weights move')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def development_set(model, folder, rows, half, seed):
    """Windows of recordings that are not trained on, and the teacher's own text of them with 30 s, where it is to be believed."""
    windows = make_windows(folder, DEVELOPMENT_WINDOWS, rows, seed=seed)
    labels = label(model, half, windows, 64)
    kept = [(window, model.text(tokens)) for window, tokens in zip(windows, labels) if tokens is not None]
    return [w for w, _ in kept], [text for _, text in kept], [w[1] for w, _ in kept]


def main():
    given = arguments()
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.manual_seed(given.seed)
    started = time.time()
    log = lambda text: print(f'[{time.time() - started:6.1f} s] {text}', flush=True)
    model = Whisper(given.model, device)
    folder = given.corpus or tempfile.mkdtemp(prefix='corpus-')
    if given.corpus is None:
        pack(given.audio or [], folder)
    teacher = model.load()
    half = {name: w.bfloat16() for name, w in teacher.items()}
    training, held_out = hold_out(folder)
    windows = make_windows(folder, given.windows, training, seed=given.seed)
    log(f'{len(windows)} windows, {sum(len(w[2]) for w in windows) / 16_000 / 3600:.1f} h')
    labels = label(model, half, windows, max(8, int(given.batch_seconds / 3)))
    log(f'{sum(tokens is not None for tokens in labels)} labels believed')
    student = distil(model, teacher, windows, labels, given.minutes, given.rate, given.seed, given.trained, given.batch_seconds, log)
    rows, references, groups = development_set(model, folder, held_out, half, seed=given.seed + 991)
    best = None
    for share in MIXTURES:
        weights = mixed(student, teacher, share)
        rates, invented, endless = judge(model, weights, rows, references, groups, is_short=True)
        score = float(np.mean(list(rates.values()))) + .05 * invented + endless
        log(f'{share:.0%} student: differs from the teacher by {rates}, {invented} words of nothing, {endless} endless')
        if best is None or score < best[0]:
            best = (score, share, weights)
    manifest = {
        'buckets': CONTEXTS,
        'tailSilenceMs': int(TAIL_SECONDS * 1000),
        'provenance': {'source': f'{os.path.basename(os.path.abspath(given.model))}, adapted to short contexts ({best[1]:.0%} student)'},
    }
    model.save(best[2], given.out, manifest)
    log(f'written to {given.out}; install it with: sotto models add {given.out}')


if __name__ == '__main__':
    main()
