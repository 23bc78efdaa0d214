"""What a synthesised utterance is: 16 kHz samples with the time of every phone and every written word."""

from dataclasses import dataclass

import numpy as np

RATE = 16000
Span = tuple[float, float]
"""Start and end in seconds."""


@dataclass
class Utterance:
    """`samples` int16 at 16 kHz; `phones` in order, name and span; `words` one span per whitespace-separated word of the text."""

    samples: np.ndarray
    phones: list[tuple[str, float, float]]
    words: list[Span]


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """int16 samples at `rate` Hz -> int16 at 16 kHz: windowed-sinc low pass at 7.6 kHz, then linear interpolation."""
    if rate == RATE:
        return samples
    wave = samples.astype(np.float32)
    if rate > RATE:
        taps = np.arange(-24, 25)
        kernel = np.sinc(2 * 7600 / rate * taps) * np.hamming(len(taps))
        wave = np.convolve(wave, kernel / kernel.sum(), "same")
    count = int(len(wave) * RATE / rate)
    wave = np.interp(np.arange(count) * (rate / RATE), np.arange(len(wave)), wave)
    return np.clip(wave, -32768, 32767).astype(np.int16)
