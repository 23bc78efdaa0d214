"""Teaches a Whisper to hear contexts of 2 to 30 s, so that a short window costs a short encoder run. See README.md.

    python adapt.py MODEL --audio en=DIR zh=DIR --out OUT [--minutes 8]
    torchrun --nproc-per-node 4 adapt.py ...      # the same on four GPUs at once
"""
import argparse
import os
import tempfile
import time

import torch

from corpus import pack
from group import Group
from heads import shares_near, steady
from judge import Judge, mixed, score
from student import CONTEXTS, DECODER_RATE, ROUND, SECONDS_PER_BATCH, TAIL_SECONDS, distil
from teacher import Teacher, hold_out
from whisper import Whisper
from windows import Studio

MIXTURES = (1, .75, .5)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('model', help='a Whisper in Hugging Face layout')
    parser.add_argument('--audio', nargs='+', metavar='LANGUAGE=FOLDER', help='recordings in any format; transcripts are not needed')
    parser.add_argument('--corpus', help='a folder that an earlier run packed (corpus.bin, corpus.jsonl), instead of --audio')
    parser.add_argument('--from', dest='begun', metavar='FOLDER', help='weights that were adapted earlier, packed or not: the student goes on from them')
    parser.add_argument('--out', required=True, help='where the adapted model goes')
    parser.add_argument('--minutes', type=float, default=8, help='of training (default 8)')
    parser.add_argument('--rate', type=float, default=5e-5, help='learning rate of the encoder (default 5e-5; 1e-5 for large)')
    parser.add_argument('--decoder-rate', type=float, default=DECODER_RATE, help=f'the decoder\'s, as a share of it (default {DECODER_RATE})')
    parser.add_argument('--batch-seconds', type=float, default=SECONDS_PER_BATCH, help='audio in a batch; less needs less memory')
    parser.add_argument('--round', type=int, default=ROUND, help=f'windows made and labelled at a time (default {ROUND}); less needs less memory')
    parser.add_argument('--hours', type=float, default=60, help='of recordings at most, chosen by chance; an hour takes 115 MB of the GPU')
    parser.add_argument('--development', type=int, default=2000, help='windows of held-out recordings by which the mixture is chosen')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def packed(folders):
    out = tempfile.mkdtemp(prefix='corpus-')
    pack(folders, out)
    return out


def main():
    given = arguments()
    group = Group()
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    torch.backends.cuda.matmul.allow_tf32 = True
    seed = given.seed + group.rank
    torch.manual_seed(seed)
    started = time.time()
    log = lambda text: group.is_first and print(f'[{time.time() - started:6.1f} s] {text}', flush=True)
    model = Whisper(given.model, device)
    folder = given.corpus or group.from_first(lambda: packed(given.audio or []))
    training, held_out = hold_out(folder)
    studio = Studio(folder, training, device, seed, given.hours)
    log(f'{len(training)} recordings in {len(studio.names)} languages')
    stock = model.load()
    # The teacher is the stock model all the same; at the end the student is mixed with what it began as.
    begun = Whisper(given.begun, device).load() if given.begun else stock
    teacher = Teacher(model, stock, max(4, int(given.batch_seconds / 5)))
    student = distil(
        model, teacher, begun, studio, given.minutes, given.rate, given.decoder_rate, given.round, given.batch_seconds, seed, log,
        group.mean,
    )
    group.close()
    if not group.is_first:
        return
    windows = Studio(folder, held_out, device, given.seed + 991, given.hours, silent=200).windows(given.development, even=True)
    judge = Judge(model, teacher, windows)
    best = None
    for share in MIXTURES:
        weights = mixed(student, begun, share)
        rates, invented, endless = judge.judge(weights)
        worth = score(rates, invented, endless)
        log(f'{share:.0%} student: {worth:.2f}; {invented} words of nothing, {endless} endless; differs from the teacher by '
            + ', '.join(f'{name} {rate:.1f} %' for name, rate in rates.items()))
        if best is None or worth < best[0]:
            best = (worth, share, weights)
    some = [tokens if windows.kinds[i] != 'nothing' and i % 8 == 0 else None for i, tokens in enumerate(judge.labels)]
    shares = shares_near(model, teacher.weights, {name: w.bfloat16() for name, w in best[2].items()}, windows, some)
    log('heads that look where they did: ' + ', '.join(f'{head} {share:.0%}' for head, share in shares.items()))
    manifest = {
        'buckets': CONTEXTS,
        'tailSilenceMs': int(TAIL_SECONDS * 1000),
        'provenance': {'source': f'{os.path.basename(os.path.abspath(given.model))}, adapted to short contexts ({best[1]:.0%} student)'},
    }
    model.save(best[2], given.out, manifest, steady(shares))
    log(f'written to {given.out}; install it with: sotto models add {given.out}')


if __name__ == '__main__':
    main()
