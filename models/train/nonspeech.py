"""Clips without speech to be judged by, made another way than the training's noise: silence, noises, hum, sweeps, chords, beats, crackle."""

import numpy as np

from .synth.voice import RATE

KINDS = ("silence", "white", "pink", "brown", "wind", "hum", "sweep", "organ", "plucked", "beats", "crackle")


def clip(kind: str, rng: np.random.Generator) -> np.ndarray:
    """int16 samples, 1-8 s, at a level between -50 and -6 dB of full scale."""
    n = int(rng.uniform(1, 8) * RATE)
    t = np.arange(n) / RATE
    if kind == "silence":
        return rng.integers(-1, 2, n).astype(np.int16)
    sound = _sound(kind, n, t, rng)
    sound = sound / (np.abs(sound).max() + 1e-9) * 10 ** (-rng.uniform(6, 50) / 20)
    return (sound * 32767).astype(np.int16)


def _sound(kind: str, n: int, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    white = rng.standard_normal(n)
    if kind in ("white", "pink", "brown", "wind"):
        slope = {"white": 0, "pink": 0.5, "brown": 1, "wind": 1}[kind]
        spectrum = np.fft.rfft(white) / np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20) ** slope
        swell = 1 + 0.8 * np.sin(2 * np.pi * rng.uniform(0.2, 1.2) * t + rng.uniform(0, 6)) if kind == "wind" else 1
        return np.fft.irfft(spectrum, n) * swell
    if kind == "hum":
        base = rng.choice((50, 60))
        return sum(np.sin(2 * np.pi * base * k * t) * rng.uniform(0, 1) / k for k in range(1, 9)) + 0.02 * white
    if kind == "sweep":
        return np.sin(2 * np.pi * (rng.uniform(100, 500) * t + rng.uniform(-50, 300) * t**2))
    if kind in ("organ", "plucked"):
        out = np.zeros(n)
        length = int(rng.uniform(0.2, 0.7) * RATE)
        for at in range(0, n, length):
            root = 110 * 2 ** (rng.integers(0, 25) / 12)
            age = t[: min(length, n - at)]
            fade = np.exp(-4 * age) if kind == "plucked" else np.minimum(1, age * 40)
            for note in (root, root * 2 ** (4 / 12), root * 2 ** (7 / 12)):
                out[at : at + length] += fade * sum(np.sin(2 * np.pi * note * k * age) / k for k in range(1, 7))
        return out
    if kind == "beats":
        period = rng.uniform(0.25, 0.6)
        age = t % period
        return np.sin(2 * np.pi * 70 * age) * np.exp(-12 * age) + 0.4 * white * np.exp(-40 * ((t + period / 2) % period))
    return white * (rng.random(n) < 0.002) + 0.01 * white


def clips(count: int, seed: int = 3) -> list[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [(KINDS[i % len(KINDS)], clip(KINDS[i % len(KINDS)], rng)) for i in range(count)]
