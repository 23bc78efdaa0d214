"""Whisper's log-mel spectrogram on the device (openai/whisper audio.py; librosa's Slaney mel filters), with optional frequency warping."""

import numpy as np
import torch
import torch.nn.functional as F

N_FFT, HOP, MELS, RATE = 400, 160, 80, 16000
WARPS = 33
"""Filter banks prepared for warping; the middle one is Whisper's own."""
WARP_RANGE = 0.22
"""The outermost banks stretch the frequency axis by 1 -/+ this."""
KNEE = 0.8
"""Above this share of the Nyquist frequency the warping bends back, so that 8 kHz stays 8 kHz (vocal tract length normalisation, Lee & Rose 1998)."""


def mel_filters(warp: float = 1.0) -> np.ndarray:
    """[80, 201] Slaney-normalised triangles over 0-8000 Hz; `warp` > 1 moves the spectrum up (a shorter vocal tract)."""
    to_mel = lambda hz: np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1e-9) / 1000) / (np.log(6.4) / 27))  # noqa: E731
    to_hz = lambda mel: np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((np.log(6.4) / 27) * (mel - 15)))  # noqa: E731
    bins = np.linspace(0, RATE / 2, N_FFT // 2 + 1)
    knee = KNEE * RATE / 2 / max(1.0, warp)
    upper = warp * knee + (bins - knee) * (RATE / 2 - warp * knee) / (RATE / 2 - knee)
    bins = np.where(bins < knee, bins * warp, upper)
    edges = to_hz(np.linspace(to_mel(np.array(0.0)), to_mel(np.array(RATE / 2)), MELS + 2))
    widths = np.diff(edges)
    slopes = edges[:, None] - bins[None]
    triangles = np.maximum(0, np.minimum(-slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]))
    return triangles * (2 / (edges[2:] - edges[:-2]))[:, None]


class LogMel:
    def __init__(self, device: torch.device) -> None:
        warps = np.linspace(1 - WARP_RANGE, 1 + WARP_RANGE, WARPS)
        self._banks = torch.tensor(np.stack([mel_filters(w) for w in warps]), dtype=torch.float32, device=device)
        self._plain = torch.tensor(mel_filters(), dtype=torch.float32, device=device)
        self._window = torch.hann_window(N_FFT, device=device)

    def __call__(self, samples: torch.Tensor, warp: torch.Tensor | None = None) -> torch.Tensor:
        """float samples [batch, n] in -1..1 -> [batch, 80, n / 160]; `warp` [batch] chooses each row's bank (0..WARPS-1)."""
        spectrum = torch.stft(samples, N_FFT, HOP, window=self._window, return_complex=True)[..., :-1]
        power = spectrum.real**2 + spectrum.imag**2
        mel = self._plain @ power if warp is None else torch.bmm(self._banks[warp], power)
        log = mel.clamp(min=1e-10).log10()
        log = torch.maximum(log, log.amax((1, 2), keepdim=True) - 8)
        return (log + 4) / 4


def mask_spectrum(mel: torch.Tensor, strength: float) -> torch.Tensor:
    """SpecAugment (Park et al. 2019): two bands of up to 14 mels and one stretch in two seconds of up to 0.24 s set to the row's mean."""
    batch, mels, frames = mel.shape
    device = mel.device
    mean = mel.mean((1, 2), keepdim=True)

    def spans(count: int, size: int, longest: float) -> torch.Tensor:
        width = torch.rand(batch, count, 1, device=device) * longest * strength
        start = torch.rand(batch, count, 1, device=device) * size
        position = torch.arange(size, device=device)[None, None]
        return ((position >= start) & (position < start + width)).any(1)

    hidden = spans(2, mels, 14)[:, :, None] | spans(max(1, frames // 200), frames, 24)[:, None, :]
    return torch.where(hidden, mean, mel)


def pad_samples(samples: torch.Tensor, count: int) -> torch.Tensor:
    """Silence after the sound up to `count` samples."""
    return F.pad(samples, (0, count - samples.shape[-1]))
