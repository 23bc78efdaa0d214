"""Windows as the product cuts them, from clean recordings: speech with the room's own sound before and after it, prefixes that end anywhere,
several utterances with pauses, and windows without speech."""
import numpy as np

from corpus import RATE

LONGEST = int(29.3 * RATE)
#: Kinds and their shares. The product decodes a growing window every half second, so prefixes are as common as whole utterances.
KINDS = {'whole': .26, 'joined': .22, 'prefix': .22, 'start': .08, 'joined_prefix': .14, 'nothing': .08}


def shaped(white, gain):
    """White noise through a filter, `gain(frequencies)`."""
    n = 1 << (len(white) - 1).bit_length()
    spectrum = np.fft.rfft(white, n)
    return np.fft.irfft(spectrum * gain(np.fft.rfftfreq(n, 1 / RATE)), n)[:len(white)].astype(np.float32)


def room(clip, samples, rng):
    """The sound of the recording's own room: noise of the spectrum of its quietest tenths of a second."""
    n = 1_600
    frames = clip[:len(clip) // n * n].reshape(-1, n).astype(np.float32)
    if len(frames) < 3:
        return np.zeros(samples, np.float32)
    quiet = frames[np.argsort(frames.std(1))[:max(2, len(frames) // 10)]]
    magnitude = np.abs(np.fft.rfft(quiet * np.hanning(n), axis=1)).mean(0)
    grid = np.fft.rfftfreq(n, 1 / RATE)
    noise = shaped(rng.standard_normal(max(samples, 1)), lambda f: np.interp(f, grid, magnitude))[:samples]
    return noise * (quiet.std() + .5) / (noise.std() + 1e-9) if samples else noise


def breath(samples, level, rng):
    """Band noise that swells and fades."""
    noise = shaped(rng.standard_normal(samples), lambda f: np.exp(-(np.log(np.maximum(f, 30) / rng.uniform(400, 2500))) ** 2))
    return noise / (noise.std() + 1e-9) * level * np.hanning(samples) ** .7


def with_room(clip, rng):
    """Pre-roll of 0 to 0.5 s, a tail of 0 to 1.5 s as the hang-over leaves it, now and then a breath in the tail."""
    clip = clip.astype(np.float32)
    before = room(clip, int(rng.uniform(0, .5) * RATE), rng)
    tail = room(clip, int(rng.uniform(0, 1.5) * RATE), rng)
    if len(tail) > RATE // 3 and rng.random() < .3:
        n = int(rng.uniform(.15, .8) * len(tail))
        at = rng.integers(0, len(tail) - n)
        tail[at:at + n] += breath(n, (clip.std() + 1) * 10 ** (-rng.uniform(8, 30) / 20), rng)
    return np.concatenate([before, clip, tail])


def joined(pick, rng):
    """Utterances one after another with pauses of room sound, 4 to 28 s."""
    target, parts, total = rng.uniform(4, 28) * RATE, [], 0
    while total < target:
        clip = pick().astype(np.float32)
        pause = room(clip, int(rng.uniform(.1, 1.6) * RATE), rng)
        if total + len(clip) > LONGEST:
            break
        parts += [clip, pause]
        total += len(clip) + len(pause)
    return np.concatenate(parts) if parts else with_room(pick(), rng)


def reverberant(x, rng):
    n = int(rng.uniform(.05, .35) * RATE)
    tail = rng.standard_normal(n) * np.exp(-np.arange(n) / (n / rng.uniform(3, 7)))
    tail[0] = rng.uniform(4, 12)
    size = 1 << (len(x) + n - 1).bit_length()
    y = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(tail, size), size)[:len(x)]
    return (y / (np.abs(y).max() + 1e-9) * np.abs(x).max()).astype(np.float32)


def degraded(x, rng):
    """Telephone band, reverberation, noise, level: down to -57 dBFS."""
    if rng.random() < .15:
        x = shaped(x, lambda f: ((f > 250) & (f < 3400)).astype(np.float32))
    if rng.random() < .2:
        x = reverberant(x, rng)
    if rng.random() < .35:
        tilt = rng.uniform(0, 1)
        noise = shaped(rng.standard_normal(len(x)), lambda f: 1 / np.maximum(f, 50) ** tilt)
        x = x + noise * (x.std() + 1) / (noise.std() + 1e-9) * 10 ** (-rng.uniform(5, 35) / 20)
    x = x * 10 ** ((rng.uniform(-34, -14) if rng.random() < .12 else rng.uniform(-14, 6)) / 20)
    return np.clip(x, -32768, 32767)


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


def nothing(rng, other):
    """0.3 to 25 s without speech: silence, noise, hum, breath, knocks, music, at any level."""
    samples = int(rng.uniform(.3, 25 if rng.random() < .4 else 6) * RATE)
    kind = rng.choice(['silence', 'noise', 'noise', 'room', 'hum', 'breath', 'knock', 'music', 'music'])
    if kind == 'silence':
        return np.zeros(samples, np.float32)
    if kind == 'noise':
        tilt = rng.uniform(0, 1.4)
        x = shaped(rng.standard_normal(samples), lambda f: 1 / np.maximum(f, 40) ** tilt)
    elif kind == 'room':
        return room(other, samples, rng)
    elif kind == 'hum':
        t = np.arange(samples) / RATE
        x = sum(np.sin(2 * np.pi * rng.choice([50, 60]) * h * t) / h for h in range(1, 6)) + rng.standard_normal(samples) * .1
    elif kind == 'breath':
        x = breath(samples, 1, rng)
    elif kind == 'knock':
        x = rng.standard_normal(samples) * .02
        for _ in range(rng.integers(1, 6)):
            at, n = rng.integers(0, samples), int(rng.uniform(.01, .15) * RATE)
            x[at:at + n] += (rng.standard_normal(n) * np.exp(-np.arange(n) / (n / 4)))[:max(0, samples - at)]
    else:
        x = music(samples, rng)
    return (x / (np.abs(x).max() + 1e-9) * 10 ** rng.uniform(.5, 4.4)).astype(np.float32)


def window(kind, pick, rng):
    """One window, int16, at most 29.3 s. `pick()` gives a recording."""
    if kind == 'nothing':
        x = nothing(rng, np.asarray(pick()))
    elif kind == 'joined':
        x = joined(pick, rng)
    elif kind == 'joined_prefix':
        x = joined(pick, rng)
        x = x[:int(rng.uniform(.15, 1) * len(x))]
    else:
        x = with_room(np.asarray(pick()), rng)
        if kind == 'prefix':
            x = x[:int(rng.uniform(.15, 1) * len(x))]
        elif kind == 'start':
            x = x[:int(rng.uniform(.3, 1.2) * RATE)]
    x = x[:LONGEST]
    if kind != 'nothing':
        x = degraded(x, rng)
    return np.ascontiguousarray(x).astype(np.int16)
