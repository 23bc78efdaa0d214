"""What every peer does: take a job from standard input, load a model, answer each clip with a line of JSON.

Job: {"model": path, "threads": count, "clips": [{"id", "path", "language"}]}; clips are WAV, 16 bit, 16 kHz, mono.
Answers: {"ready": {package: version}} when the model is loaded, {"id", "text"} for each clip, at the end {"peakBytes",
"cpuMs"}: the processor's time for the clips, of all threads.
"""

import json
import sys
import time
import wave
from importlib.metadata import version

import numpy as np


def run(packages, load):
    """`load(model, threads)` gives a function of samples (float32) and language that gives the text."""
    job = json.load(sys.stdin)
    transcribe = load(job["model"], job["threads"])
    answer({"ready": {name: version(name) for name in packages}})
    before = time.process_time()
    for clip in job["clips"]:
        text = transcribe(samples_of(clip["path"]), clip["language"])
        answer({"id": clip["id"], "text": text.strip()})
    answer({"peakBytes": peak_bytes(), "cpuMs": 1_000 * (time.process_time() - before)})


def samples_of(path):
    with wave.open(path) as file:
        words = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return words.astype(np.float32) / 32_768


def peak_bytes():
    """Most resident memory so far. Not getrusage: that remembers the process from before exec."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return 1_024 * int(line.split()[1])


def answer(content):
    print(json.dumps(content), flush=True)
