"""A manifest with the times of every word, for `bench live-peers`: the recordings' own texts, aligned by faster-whisper.

python word_times.py RECORDINGS CTRANSLATE2_MODEL LANGUAGE OUT

Words are split at spaces, those of Chinese and Japanese at characters. OUT is a folder, which gets a
manifest.jsonl that names the recordings where they are.
"""

import json
import os
import pathlib
import sys

from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio, pad_or_trim
from faster_whisper.tokenizer import Tokenizer

RECORDINGS, MODEL, LANGUAGE, OUT = sys.argv[1:]
SAMPLES_PER_FRAME = 160

model = WhisperModel(MODEL, device="cpu", compute_type="float32", cpu_threads=2)
tokenizer = Tokenizer(model.hf_tokenizer, True, task="transcribe", language=LANGUAGE)


def words_of(path, text):
    samples = decode_audio(str(path), sampling_rate=16_000)
    features = model.feature_extractor(samples)[:, :-1]
    frames = min(features.shape[-1], 3_000)
    encoded = model.encode(pad_or_trim(features))
    [alignment] = model.find_alignment(tokenizer, [tokenizer.encode(f" {text}")], encoded, frames)
    # Its words end with the punctuation; ours are the text's.
    times = [(entry["word"], entry["start"], entry["end"]) for entry in alignment]
    words = []
    for word, start, end in times:
        if word.startswith(" ") or not words or (LANGUAGE in ("zh", "ja") and word[0].isalnum()):
            words.append({"text": word.strip(), "startMs": round(1_000 * start), "endMs": round(1_000 * end)})
        else:
            words[-1]["text"] += word
            words[-1]["endMs"] = round(1_000 * end)
    return words


os.makedirs(OUT, exist_ok=True)
with open(pathlib.Path(OUT) / "manifest.jsonl", "w") as out:
    for line in (pathlib.Path(RECORDINGS) / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry.get("language", "en") != LANGUAGE or entry["text"] == "":
            continue
        path = (pathlib.Path(RECORDINGS) / entry["file"]).resolve()
        # Capitals alone are spelt out in many tokens, which align badly.
        text = entry["text"].lower() if entry["text"].isupper() else entry["text"]
        entry |= {"file": os.path.relpath(path, OUT), "words": words_of(path, text)}
        out.write(json.dumps(entry, ensure_ascii=False) + "\n")
