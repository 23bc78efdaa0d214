"""Sounds without speech, as recordings of their own: noise, hum, breath, knocks and music. A window of them has no words."""
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from corpus import RATE


def shaped(white, gain):
    """White noise through a filter, `gain(frequencies)`."""
    n = 1 << (len(white) - 1).bit_length()
    spectrum = np.fft.rfft(white, n)
    return np.fft.irfft(spectrum * gain(np.fft.rfftfreq(n, 1 / RATE)), n)[:len(white)].astype(np.float32)


def breath(samples, rng):
    """Band noise that swells and fades."""
    noise = shaped(rng.standard_normal(samples), lambda f: np.exp(-(np.log(np.maximum(f, 30) / rng.uniform(400, 2500))) ** 2))
    return noise * np.hanning(samples) ** .7


def music(samples, rng):
    """Chords, a melody and a beat: harmonic and rhythmic, and nobody sings."""
    t = np.arange(samples) / RATE
    out = np.zeros(samples, np.float32)
    beat = rng.uniform(.25, .8)
    root = rng.uniform(80, 330)
    for k in range(int(t[-1] / beat) + 1):
        at = int(k * beat * RATE)
        n = min(samples - at, int(beat * RATE * rng.uniform(.6, 1.5)))
        if n < 400:
            continue
        fade = np.exp(-np.arange(n) / RATE * rng.uniform(1, 6))
        for step in rng.choice([0, 3, 4, 7, 9, 12, 16], rng.integers(1, 4), replace=False):
            f = root * 2 ** (step / 12)
            harmonics = sum(rng.uniform(.1, 1) / h * np.sin(2 * np.pi * f * h * t[:n]) for h in range(1, 6))
            out[at:at + n] += harmonics * fade
        if rng.random() < .6:
            m = min(n, 1_500)
            out[at:at + m] += rng.standard_normal(m) * np.exp(-np.arange(m) / 250) * rng.uniform(.3, 2)
    return out


def hum(samples, rng):
    t = np.arange(samples) / RATE
    return sum(np.sin(2 * np.pi * rng.choice([50, 60]) * h * t) / h for h in range(1, 6)) + rng.standard_normal(samples) * .1


def knocks(samples, rng):
    x = rng.standard_normal(samples) * .02
    for _ in range(rng.integers(1, 6)):
        at, n = rng.integers(0, samples), int(rng.uniform(.01, .15) * RATE)
        x[at:at + n] += (rng.standard_normal(n) * np.exp(-np.arange(n) / (n / 4)))[:max(0, samples - at)]
    return x


def noise(samples, rng):
    tilt = rng.uniform(0, 1.4)
    return shaped(rng.standard_normal(samples), lambda f: 1 / np.maximum(f, 40) ** tilt)


def sound(seed):
    """One of them, 0.5 to 25 s, int16, at any level."""
    rng = np.random.default_rng(seed)
    samples = int(rng.uniform(.5, 25 if rng.random() < .4 else 6) * RATE)
    x = [noise, noise, hum, breath, knocks, music, music][rng.integers(7)](samples, rng)
    return (x / (np.abs(x).max() + 1e-9) * 10 ** rng.uniform(.5, 4.4)).astype(np.int16)


def sounds(count, seed=0):
    with ProcessPoolExecutor() as pool:
        return list(pool.map(sound, range(seed * 10 ** 7, seed * 10 ** 7 + count), chunksize=16))
