"""Makes few voices sound like many rooms and microphones: reverberation, equaliser, band limits, noise, hum, tones, babble, codec, gain. On the device."""

import math

import torch
import torch.nn.functional as F

from .logmel import RATE

REVERB = 8000
"""Samples of a synthetic room's impulse response (0.5 s)."""


def fast_length(n: int) -> int:
    """The next length of the form 2^k * {1, 3, 5, 9, 15}: fast for the FFT."""
    return min(m << max(0, math.ceil(math.log2(n / m))) for m in (1, 3, 5, 9, 15))


def peak(samples: torch.Tensor) -> torch.Tensor:
    """Each row scaled to a peak of 1; silence stays silence."""
    return samples / (samples.abs().amax(1, keepdim=True) + 1e-4)


def chance(batch: int, probability: float, device: torch.device) -> torch.Tensor:
    return torch.rand(batch, 1, device=device) < probability


def coloured_noise(batch: int, n: int, device: torch.device) -> torch.Tensor:
    """Rows of noise of RMS 1: a random slope (blue to brown) and a random smooth spectrum, some swelling and fading."""
    size = fast_length(n)
    spectrum = torch.fft.rfft(torch.randn(batch, size, device=device))
    bins = spectrum.shape[1]
    frequency = torch.linspace(0, 1, bins, device=device).clamp(min=0.004)[None]
    slope = frequency ** (0.4 - 1.6 * torch.rand(batch, 1, device=device))
    smooth = F.interpolate(torch.randn(batch, 1, 12, device=device) * 6, size=bins, mode="linear")[:, 0]
    noise = torch.fft.irfft(spectrum * slope * 10 ** (smooth / 20), size)[:, :n]
    swell = F.interpolate(torch.randn(batch, 1, 2 + n // 8000, device=device), size=n, mode="linear")[:, 0]
    noise = noise * torch.where(chance(batch, 0.4, device), torch.exp(swell), torch.ones_like(swell))
    return noise / (noise.square().mean(1, keepdim=True).sqrt() + 1e-6)


def tones(batch: int, n: int, device: torch.device) -> torch.Tensor:
    """Rows of RMS 1: hum of the mains, steady tones, or music-like chords that change every 0.15-0.8 s."""
    notes = 2 + n // 2400
    voices, partials = 3, 4
    kind = torch.rand(batch, 1, 1, device=device)
    held = torch.randint(1, 6, (batch, 1, 1), device=device)
    slot = (torch.arange(notes, device=device)[None, None] // held).expand(batch, voices, notes)
    scale = torch.tensor([0, 2, 4, 5, 7, 9, 11, 12], device=device)
    pitch = scale[torch.randint(0, 8, (batch, voices, notes), device=device)] + 12 * torch.randint(-2, 2, (batch, voices, 1), device=device)
    melody = 220 * 2 ** (pitch.gather(2, slot) / 12)
    steady = (100 * torch.exp(3.5 * torch.rand(batch, voices, 1, device=device))).expand_as(melody)
    hum = torch.where(torch.rand(batch, voices, 1, device=device) < 0.5, 50.0, 60.0).expand_as(melody)
    frequency = torch.where(kind < 0.25, hum, torch.where(kind < 0.45, steady, melody))
    loud = torch.rand(batch, voices, partials, 1, device=device) * torch.tensor([1.0, 0.6, 0.4, 0.3], device=device)[None, None, :, None]
    place = (torch.arange(n, device=device) // 2400)[None, None].expand(batch, voices, n)
    phase = torch.cumsum(frequency.gather(2, place) * (2 * math.pi / RATE), 2)
    age = (torch.arange(n, device=device) % 2400)[None] / 2400
    decay = torch.where(kind[:, 0] < 0.45, torch.ones_like(age), torch.exp(-2.5 * age * torch.rand(batch, 1, device=device)))
    sound = sum((loud[:, :, k] * torch.sin((k + 1) * phase)).sum(1) for k in range(partials)) * decay
    return sound / (sound.square().mean(1, keepdim=True).sqrt() + 1e-6)


def rooms(batch: int, strength: float, device: torch.device) -> torch.Tensor:
    """Impulse responses [batch, REVERB]: a direct path and an exponentially decaying tail of noise; a half of the rows stay dry at full strength."""
    t = torch.arange(REVERB, device=device)[None] / RATE
    decay = 0.05 + 0.6 * torch.rand(batch, 1, device=device) ** 2
    tail = torch.randn(batch, REVERB, device=device) * torch.exp(-6.9 * t / decay) * (t > 0.002)
    tail = tail / (tail.norm(dim=1, keepdim=True) + 1e-6) * torch.rand(batch, 1, device=device)
    response = tail * chance(batch, 0.5 * strength, device)
    response[:, 0] = 1
    return response


def microphones(batch: int, bins: int, strength: float, device: torch.device) -> torch.Tensor:
    """Gains over the frequency bins: a random smooth equaliser, a telephone band for some, a low or high pass for others."""
    frequency = torch.linspace(0, RATE / 2, bins, device=device)[None]
    smooth = F.interpolate(torch.randn(batch, 1, 10, device=device) * 7 * strength, size=bins, mode="linear")[:, 0]
    gain = 10 ** (smooth / 20)
    cut = 3000 + 5000 * torch.rand(batch, 1, device=device)
    low_pass = torch.sigmoid((cut - frequency) / 100)
    high_pass = torch.sigmoid((frequency - 60 - 250 * torch.rand(batch, 1, device=device)) / 20)
    telephone = torch.sigmoid((frequency - 290) / 25) * torch.sigmoid((3450 - frequency) / 60)
    which = torch.rand(batch, 1, device=device) / max(strength, 1e-3)
    band = torch.where(which < 0.12, telephone, torch.where(which < 0.28, low_pass, torch.where(which < 0.45, high_pass, torch.ones_like(gain))))
    return gain * (band + 1e-3)


def augment(samples: torch.Tensor, stop: torch.Tensor, strength: float) -> torch.Tensor:
    """samples [batch, n]; after `stop` [batch] samples there is only padding (exact zeros) as the product pads. `strength` 0..1."""
    batch, n = samples.shape
    device = samples.device
    recorded = torch.arange(n, device=device)[None] < stop[:, None]
    samples = peak(samples)
    if strength > 0:
        size = fast_length(n + REVERB // 2)
        spectrum = torch.fft.rfft(samples, size)
        shape = torch.fft.rfft(rooms(batch, strength, device), size) * microphones(batch, spectrum.shape[1], strength, device)
        samples = peak(torch.fft.irfft(spectrum * shape, size)[:, :n])
        loudness = samples.square().sum(1, keepdim=True).div((samples.abs() > 0.02).sum(1, keepdim=True) + 1).sqrt()
        level = lambda low, high: loudness * 10 ** (-(low + (high - low) * torch.rand(batch, 1, device=device)) / 20)  # noqa: E731
        quietest = 30 - 25 * strength
        noisy = coloured_noise(batch, n, device) * level(quietest, 45) * chance(batch, 0.85, device)
        noisy = noisy + tones(batch, n, device) * level(quietest + 3, 40) * chance(batch, 0.12 * strength, device)
        crowd = sum(samples.roll(k, 0).roll(3517 * k, 1) for k in (1, 2, 3))
        crowd = crowd / (crowd.square().mean(1, keepdim=True).sqrt() + 1e-4)
        samples = samples + noisy + crowd * level(quietest + 5, 40) * chance(batch, 0.15 * strength, device)
        samples = peak(samples)
        companded = samples.sign() * torch.log1p(255 * samples.abs()) / math.log(256)
        companded = (companded * 127).round() / 127
        coarse = companded.sign() * torch.expm1(companded.abs() * math.log(256)) / 255
        samples = torch.where(chance(batch, 0.08 * strength, device), coarse, samples)
        samples = (samples * torch.where(chance(batch, 0.06 * strength, device), 3.0, 1.0)).clamp(-1, 1)
    return samples * recorded * 10 ** (-1.6 * torch.rand(batch, 1, device=device))


def without_speech(batch: int, n: int, device: torch.device) -> torch.Tensor:
    """Rows to be recognised as nothing: noise, tones, both, faint noise, clicks, and pure silence."""
    kind = torch.rand(batch, 1, device=device)
    sound = coloured_noise(batch, n, device) * (kind < 0.6) + tones(batch, n, device) * ((kind > 0.45) & (kind < 0.92))
    clicks = torch.randn(batch, n, device=device) * (torch.rand(batch, n, device=device) < 2e-4)
    sound = sound + clicks * chance(batch, 0.2, device) * 8
    return sound * 0.1 * 10 ** (0.5 - 3 * torch.rand(batch, 1, device=device)) * (kind < 0.96)
