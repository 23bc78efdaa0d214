"""Audio of any kind as one file: 16 kHz mono int16 samples one after another, and an index. No transcripts are needed.

    corpus.bin    the samples
    corpus.jsonl  a line a recording: {"offset": samples, "samples": n, "language": "en", "speaker": "..."}, and "text" where a file of the
                  same name that ends in .txt lies beside it
"""
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np

RATE = 16_000
SUFFIXES = {'.wav', '.flac', '.mp3', '.m4a', '.ogg', '.opus', '.webm', '.mp4', '.aac'}


def decode(path):
    """Samples of a file, by the ffmpeg on the path."""
    command = ['ffmpeg', '-v', 'error', '-i', path, '-ac', '1', '-ar', str(RATE), '-f', 's16le', '-']
    return np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.int16)


def pack(folders, out):
    """Writes a corpus of all audio under folders given as LANGUAGE=FOLDER, such as en=recordings/en. Files that cannot be read are named and
    left out."""
    jobs = []
    for given in folders:
        language, _, folder = given.partition('=')
        for place, _, names in os.walk(folder):
            jobs += [(language, os.path.join(place, n)) for n in sorted(names) if os.path.splitext(n)[1].lower() in SUFFIXES]
    if not jobs:
        raise SystemExit('No audio found: name folders as LANGUAGE=FOLDER, such as en=recordings/english.')
    writer = Writer(out)
    with ThreadPoolExecutor() as pool:
        for (language, path), samples in zip(jobs, pool.map(decoded_or_none, (path for _, path in jobs))):
            if samples is None:
                print(f'left out, not readable: {path}')
            elif len(samples) > RATE // 4:
                writer.add(samples, language, os.path.dirname(path), transcript_of(path))
    writer.close()


def transcript_of(path):
    beside = os.path.splitext(path)[0] + '.txt'
    if not os.path.exists(beside):
        return None
    with open(beside, encoding='utf8') as file:
        return file.read().strip() or None


def decoded_or_none(path):
    try:
        return decode(path)
    except subprocess.CalledProcessError:
        return None


class Writer:
    def __init__(self, out):
        os.makedirs(out, exist_ok=True)
        self.samples = open(os.path.join(out, 'corpus.bin'), 'wb')
        self.index = open(os.path.join(out, 'corpus.jsonl'), 'w')
        self.offset = 0

    def add(self, samples, language, speaker, text=None):
        self.samples.write(samples.astype(np.int16).tobytes())
        row = {'offset': self.offset, 'samples': len(samples), 'language': language, 'speaker': speaker}
        self.index.write(json.dumps(row if text is None else {**row, 'text': text}) + '\n')
        self.offset += len(samples)

    def close(self):
        self.samples.close()
        self.index.close()


class Corpus:
    """Reads a corpus; the samples are mapped, not loaded."""

    def __init__(self, folder):
        with open(os.path.join(folder, 'corpus.jsonl')) as index:
            self.rows = [json.loads(line) for line in index]
        self.samples = np.memmap(os.path.join(folder, 'corpus.bin'), np.int16, 'r')

    def audio(self, i):
        row = self.rows[i]
        return self.samples[row['offset']:row['offset'] + row['samples']]

    def by_language(self, rows=None):
        found = {}
        for i in range(len(self.rows)) if rows is None else rows:
            found.setdefault(self.rows[i]['language'], []).append(i)
        return found
