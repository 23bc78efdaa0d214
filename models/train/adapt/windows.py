"""Windows as the product cuts them, composed on the device from recordings that lie there: speech with the room's own sound before and after it,
prefixes that end anywhere, several utterances with pauses, and windows without speech. Every call makes new ones, so nothing is heard twice."""
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from corpus import RATE, Corpus
from sounds import sounds
from transcripts import BY_CHARACTER

WINDOW = 30 * RATE
LONGEST = int(29.3 * RATE)
#: Kinds and their shares. The product decodes a growing window every half second, so prefixes are as common as whole utterances.
KINDS = {'whole': .26, 'joined': .24, 'prefix': .22, 'start': .08, 'joined_prefix': .12, 'nothing': .08}
#: Faster and slower, higher and lower together: half of the windows are of a speaker whom nobody recorded.
SPEEDS, UNCHANGED = (.86, 1.17), .5
FRAME = RATE // 10
CHUNK_SAMPLES = 48_000_000


@dataclass
class Windows:
    """kinds and languages by row; samples: int16 [rows, 30 s], silent past each row's length (in samples). Rows are sorted by length.
    transcripts: of all that is said in a row, where that is known, else None."""
    kinds: list
    languages: list
    samples: torch.Tensor
    lengths: np.ndarray
    transcripts: list


@dataclass
class Plan:
    """A window to be composed. Pieces: (first sample in the corpus, samples from there, at which sample of the window, speed)."""
    kind: str
    language: str
    length: int
    room: int
    pieces: list
    transcript: str | None = None


class Studio:
    """Recordings on the device, two bytes a sample, and the sound of each one's room."""

    def __init__(self, folder, rows, device, seed=0, hours=60, silent=1500):
        self.device = device
        self.rng = np.random.default_rng(seed)
        self.noise = torch.Generator(device).manual_seed(seed)
        corpus = Corpus(folder)
        rows = self.rng.permutation(rows)
        rows = rows[np.cumsum([corpus.rows[i]['samples'] for i in rows]) <= hours * 3600 * RATE]
        clips = [*(corpus.audio(i) for i in rows), *sounds(silent, seed)]
        self.lengths = np.array([len(clip) for clip in clips])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.samples = torch.from_numpy(np.concatenate(clips)).to(device)
        self.silent = np.arange(len(rows), len(clips))
        self.transcripts = [corpus.rows[i].get('text') for i in rows]
        self.by_language = {}
        for at, i in enumerate(rows):
            self.by_language.setdefault(corpus.rows[i]['language'], []).append(at)
        self.names = sorted(self.by_language)
        # By the root of their hours, so that small languages are not drowned.
        hours_of = np.array([self.lengths[self.by_language[name]].sum() for name in self.names]) ** .5
        self.shares = hours_of / hours_of.sum()
        self.spectra, self.levels = self.rooms()

    def rooms(self):
        """[recordings, 801] the spectrum of each one's quietest tenths of a second, and their level."""
        clip = np.repeat(np.arange(len(self.lengths)), self.lengths // FRAME)
        first = np.concatenate([start + FRAME * np.arange(n // FRAME) for start, n in zip(self.starts, self.lengths)])
        frames = lambda at: self.samples[torch.from_numpy(at).to(self.device)[:, None] + torch.arange(FRAME, device=self.device)].float()
        loudness = np.concatenate([frames(first[i:i + 8192]).std(1).cpu().numpy() for i in range(0, len(first), 8192)])
        spectra = torch.zeros(len(self.lengths), FRAME // 2 + 1, device=self.device)
        levels = torch.full((len(self.lengths),), .5, device=self.device)
        ends = np.searchsorted(clip, np.arange(len(self.lengths)), 'right')
        hann = torch.hann_window(FRAME, device=self.device)
        quiet, owner = [], []
        for i, (begin, end) in enumerate(zip(ends - self.lengths // FRAME, ends)):
            if end - begin >= 3:
                chosen = begin + np.argsort(loudness[begin:end])[:max(2, min(8, (end - begin) // 10))]
                quiet.append(first[chosen])
                owner.append(np.full(len(chosen), i))
        quiet, owner = np.concatenate(quiet), torch.from_numpy(np.concatenate(owner)).to(self.device)
        counts = torch.zeros_like(levels).index_add_(0, owner, torch.ones(len(owner), device=self.device)).clamp(min=1)
        for i in range(0, len(quiet), 8192):
            x, whose = frames(quiet[i:i + 8192]), owner[i:i + 8192]
            spectra.index_add_(0, whose, torch.fft.rfft(x * hann).abs() / counts[whose, None])
            levels.index_add_(0, whose, x.std(1) / counts[whose])
        return spectra, levels

    def windows(self, count, even=False):
        """`count` new windows. `even`: each language as often as the others."""
        kinds = self.rng.choice(list(KINDS), count, p=np.array(list(KINDS.values())) / sum(KINDS.values()))
        languages = self.rng.choice(self.names, count, p=None if even else self.shares)
        plans = sorted((self.plan(str(k), str(name)) for k, name in zip(kinds, languages)), key=lambda plan: plan.length)
        samples = torch.zeros(count, WINDOW, dtype=torch.int16, device=self.device)
        at = 0
        while at < count:
            rows = max(1, CHUNK_SAMPLES // plans[min(count, at + 256) - 1].length)
            some = plans[at:at + min(rows, 256)]
            sound = self.compose(some)
            samples[at:at + len(some), :sound.shape[1]] = sound
            at += len(some)
        return Windows([p.kind for p in plans], [p.language for p in plans], samples, np.array([p.length for p in plans]), [p.transcript for p in plans])

    def plan(self, kind, language):
        rng = self.rng
        pick = lambda: int(rng.choice(self.by_language[language]))
        if kind == 'nothing':
            return self.plan_nothing(language, pick())
        speed = 1. if rng.random() < UNCHANGED else rng.uniform(*SPEEDS)
        spoken = lambda clip: min(int(self.lengths[clip] / speed), LONGEST)
        clip = pick()
        room, pieces, clips, at = clip, [], [clip], 0
        if kind.startswith('joined'):
            target = rng.uniform(4, 28) * RATE
            at = int(rng.uniform(0, .3) * RATE)
            while at < target and at + spoken(clip) <= LONGEST:
                pieces.append((self.starts[clip], spoken(clip), at, speed))
                clips = [*clips[:len(pieces) - 1], clip]
                at += spoken(clip) + int(rng.uniform(.1, 1.6) * RATE)
                clip = pick()
        if not pieces:
            before = int(rng.uniform(0, .5) * RATE)
            pieces = [(self.starts[clip], spoken(clip), before, speed)]
            at = before + spoken(clip) + int(rng.uniform(0, 1.5) * RATE)
        length = min(at, LONGEST)
        if kind.endswith('prefix'):
            length = max(RATE // 4, int(rng.uniform(.15, 1) * length))
        elif kind == 'start':
            length = min(length, int(rng.uniform(.3, 1.2) * RATE))
        is_cut = any(at + n > length for _, n, at, _ in pieces)
        pieces = [(a, min(n, length - at), at, s) for a, n, at, s in pieces if at < length]
        return Plan(kind, language, length, room, pieces, None if is_cut else self.transcript_of(clips, language))

    def transcript_of(self, clips, language):
        """Of recordings one after the other; None where one has none."""
        texts = [self.transcripts[clip] for clip in clips]
        return None if None in texts else ('' if language in BY_CHARACTER else ' ').join(texts)

    def plan_nothing(self, language, room):
        """A sound without speech, the room alone, or digital silence."""
        rng, draw = self.rng, self.rng.random()
        if draw < .25:
            length = int(rng.uniform(.3, 25 if rng.random() < .4 else 6) * RATE)
            return Plan('nothing', language, length, room if draw < .13 else -1, [])
        clip = int(rng.choice(self.silent))
        length = int(self.lengths[clip] * rng.uniform(.6, 1))
        return Plan('nothing', language, length, -1, [(self.starts[clip], length, 0, 1.)])

    def compose(self, plans):
        """int16 [plans, samples]: pieces in their places, the room around them, then what microphones and lines do to it."""
        device, longest = self.device, max(plan.length for plan in plans)
        row = np.repeat(np.arange(len(plans)), [len(plan.pieces) for plan in plans])
        pieces = np.array([piece for plan in plans for piece in plan.pieces]).reshape(-1, 4)
        whole = lambda values: torch.from_numpy(np.asarray(values).astype(np.int64)).to(device)
        counts = whole(pieces[:, 1])
        piece = torch.repeat_interleave(torch.arange(len(pieces), device=device), counts)
        within = torch.arange(len(piece), device=device) - (counts.cumsum(0) - counts)[piece]
        place = (whole(row) * longest + whole(pieces[:, 2]))[piece] + within
        speed = torch.from_numpy(pieces[:, 3].astype(np.float32)).to(device)
        x = torch.zeros(len(plans) * longest, device=device)
        x[place] = self.read(whole(pieces[:, 0])[piece], within.float() * speed[piece])
        is_speech = torch.zeros(len(plans) * longest, dtype=torch.bool, device=device)
        is_speech[place] = True
        x, is_speech = x.view(len(plans), longest), is_speech.view(len(plans), longest)
        lengths = whole([plan.length for plan in plans])
        within = torch.arange(longest, device=device) < lengths[:, None]
        room = whole([plan.room for plan in plans])
        spectra = torch.where(room[:, None] >= 0, self.spectra[room], 0)
        around = coloured(spectra, longest, self.noise)
        around *= (self.levels[room] * (room >= 0))[:, None]
        last = is_speech * torch.arange(longest, device=device)
        around += self.breaths(x, last.amax(1), lengths, room >= 0)
        x = torch.where(is_speech, x, around)
        is_spoken = torch.tensor([plan.kind != 'nothing' for plan in plans], device=device)
        x = torch.where(is_spoken[:, None], self.degraded(x, within), x)
        return (x * within).clamp(-32768, 32767).to(torch.int16)

    def read(self, start, offset):
        """Samples at fractional places, between their neighbours by a cubic (Catmull-Rom)."""
        whole = offset.floor()
        t = offset - whole
        at = start + whole.long()
        a, b, c, d = (self.samples[(at + k).clamp(0, len(self.samples) - 1)].float() for k in (-1, 0, 1, 2))
        return b + .5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))

    def uniform(self, rows, low, high):
        return torch.rand(rows, generator=self.noise, device=self.device) * (high - low) + low

    def breaths(self, x, last, lengths, is_wanted):
        """In three of ten windows a breath somewhere after the last speech."""
        rows, free = len(x), (lengths - last).float()
        wanted = is_wanted & (free > RATE // 3) & (self.uniform(rows, 0, 1) < .3)
        n = free * self.uniform(rows, .15, .8)
        begin = last + (free - n) * self.uniform(rows, 0, 1)
        grid = torch.linspace(0, RATE / 2, FRAME // 2 + 1, device=self.device).clamp(min=30)
        noise = coloured((-(grid / self.uniform(rows, 400, 2500)[:, None]).log() ** 2).exp(), x.shape[1], self.noise)
        phase = (torch.arange(x.shape[1], device=self.device) - begin[:, None]) / n.clamp(min=1)[:, None]
        swell = torch.where((phase > 0) & (phase < 1), (phase * torch.pi).sin().clamp(min=0) ** 1.4, 0)
        level = (x.std(1) + 1) * 10 ** (-self.uniform(rows, 8, 30) / 20) * wanted
        return noise * swell * level[:, None]

    def degraded(self, x, within):
        """Telephone band, reverberation, noise, level: down to -57 dBFS."""
        rows, samples = x.shape
        chance = lambda p: self.uniform(rows, 0, 1) < p
        # Reverberation of up to 0.35 s and room for it, so that it does not come round to the start.
        size = 1 << (samples + RATE // 2 - 1).bit_length()
        t = torch.arange(int(.35 * RATE), device=self.device)
        n = self.uniform(rows, .05, .35)[:, None] * RATE
        tail = torch.randn(rows, len(t), generator=self.noise, device=self.device) * (-t * self.uniform(rows, 3, 7)[:, None] / n).exp() * (t < n)
        tail[:, 0] = self.uniform(rows, 4, 12)
        spectrum = torch.fft.rfft(x, size)
        frequency = torch.fft.rfftfreq(size, 1 / RATE, device=self.device)
        is_line = chance(.15)
        spectrum *= ~is_line[:, None] | ((frequency > 250) & (frequency < 3400))
        reverberant = torch.fft.irfft(spectrum * torch.fft.rfft(tail, size), size)[:, :samples]
        x, loudest = torch.fft.irfft(spectrum, size)[:, :samples], x.abs().amax(1, keepdim=True)
        x = torch.where(chance(.2)[:, None], reverberant / (reverberant.abs().amax(1, keepdim=True) + 1e-9) * loudest, x)
        grid = torch.linspace(0, RATE / 2, FRAME // 2 + 1, device=self.device).clamp(min=50)
        noise = coloured(grid ** -self.uniform(rows, 0, 1)[:, None], samples, self.noise)
        power = ((x * within) ** 2).sum(1) / within.sum(1)
        x = x + noise * ((power.sqrt() + 1) * 10 ** (-self.uniform(rows, 5, 35) / 20) * chance(.35))[:, None]
        return x * 10 ** (torch.where(chance(.12), self.uniform(rows, -34, -14), self.uniform(rows, -14, 6)) / 20)[:, None]


def coloured(magnitude, samples, generator):
    """Noise [rows, samples] of standard deviation 1 with a spectrum given on a grid from 0 to 8 kHz."""
    size = 1 << (samples - 1).bit_length()
    gain = F.interpolate(magnitude[:, None], size // 2 + 1, mode='linear', align_corners=True)[:, 0]
    white = torch.randn(len(magnitude), size // 2 + 1, 2, generator=generator, device=magnitude.device)
    noise = torch.fft.irfft(torch.view_as_complex(white) * gain, size)[:, :samples]
    return noise / (noise.std(1, keepdim=True) + 1e-9)
