"""faster-whisper on a CTranslate2 folder. Options: compute type, then any of: vad, batched."""

import sys

from faster_whisper import BatchedInferencePipeline, WhisperModel

import peer

COMPUTE_TYPE, *OPTIONS = sys.argv[1:]


def load(path, threads):
    model = WhisperModel(path, device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=threads)
    if "batched" in OPTIONS:
        # It finds speech by its VAD in any case.
        pipeline, more = BatchedInferencePipeline(model), {"batch_size": 8}
    else:
        pipeline, more = model, {"vad_filter": "vad" in OPTIONS}

    def transcribe(samples, language):
        segments, _ = pipeline.transcribe(samples, language=language, beam_size=1, **more)
        return " ".join(segment.text.strip() for segment in segments)

    return transcribe


peer.run(["faster-whisper", "ctranslate2"], load)
