"""espeak-ng through ctypes: speech of its accents and voice variants with phone and word times (libespeak-ng 1.51)."""

import ctypes
import os
import re

import numpy as np

from .voice import Span, Utterance, resample

ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
"""Voices of espeak-ng 1.51; `en` is the one of Great Britain (there is no `en-gb`)."""
HELD_OUT_VARIANTS = ("f5", "m7", "Andy", "steph", "boris", "klatt4")
"""Never trained on: the synthetic test set is spoken by these."""
UNSUITABLE = re.compile("Demonic|croak|[Rr]obot|Storm|Tweaky|fast|whisper")

# speak_lib.h: espeak_EVENT_TYPE and espeak_PARAMETER.
_WORD_EVENT, _PHONEME_EVENT = 1, 7
_RATE, _PITCH, _RANGE, _WORD_GAP = 1, 3, 4, 7
_SYNCHRONOUS, _PHONEME_EVENTS = 2, 1
_CHARACTERS_UTF8 = 1


class _Event(ctypes.Structure):
    class _Id(ctypes.Union):
        _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


class UnknownVoice(Exception):
    """Raised at the start: a voice that is silently left out would never be missed."""


class Espeak:
    """One instance a process. `libraries` holds the shared objects and `espeak-ng-data`; "" means the system's."""

    def __init__(self, libraries: str = "") -> None:
        for name in ("libpcaudio.so.0", "libsonic.so.0"):
            ctypes.CDLL(os.path.join(libraries, name), mode=ctypes.RTLD_GLOBAL)
        self._lib = ctypes.CDLL(os.path.join(libraries, "libespeak-ng.so.1"))
        self._rate = self._lib.espeak_Initialize(_SYNCHRONOUS, 0, libraries.encode() or None, _PHONEME_EVENTS)
        self._lib.espeak_Info.restype = ctypes.c_char_p
        home = ctypes.c_char_p()
        self._lib.espeak_Info(ctypes.byref(home))
        names = sorted(os.listdir(os.path.join((home.value or b"").decode(), "voices", "!v")))
        self.variants = [name for name in names if name not in HELD_OUT_VARIANTS and not UNSUITABLE.search(name)]
        self._chunks: list[np.ndarray] = []
        self._events: list[tuple[int, float, int, str]] = []
        callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
        self._callback = callback(self._receive)
        self._lib.espeak_SetSynthCallback(self._callback)
        self._voice = ""
        for voice in (*ACCENTS, *(f"{ACCENTS[0]}+{variant}" for variant in HELD_OUT_VARIANTS)):
            self._choose(voice)

    def _choose(self, voice: str) -> None:
        if voice != self._voice:
            if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
                raise UnknownVoice(f"espeak-ng has no voice {voice!r}")
            self._voice = voice

    def _receive(self, wave, count, events) -> int:
        if count > 0 and wave:
            self._chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events and events[i].type:
            event, i = events[i], i + 1
            if event.type in (_WORD_EVENT, _PHONEME_EVENT):
                name = bytes(event.id.string).split(b"\0")[0].decode("utf8", "replace") if event.type == _PHONEME_EVENT else ""
                self._events.append((event.type, event.audio_position / 1000, event.text_position, name))
        return 0

    def say(self, text: str, voice: str, rate: float = 170, pitch: float = 50, pitch_range: float = 50, word_gap: int = 0) -> Utterance | None:
        """Speech of `text`; `rate` in words a minute, `pitch` and its range 0-100, `word_gap` in 10 ms. None where a word has no time."""
        self._choose(voice)
        for key, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range), (_WORD_GAP, word_gap)):
            self._lib.espeak_SetParameter(key, int(value), 0)
        self._chunks.clear()
        self._events.clear()
        data = text.encode()
        self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARACTERS_UTF8, None, None)
        if not self._chunks:
            return None
        samples = np.concatenate(self._chunks)
        phones = self._phones(len(samples) / self._rate)
        words = self._words(text, phones)
        return Utterance(resample(samples, self._rate), phones, words) if words else None

    def _phones(self, end: float) -> list[tuple[str, float, float]]:
        marks = [(name, at) for kind, at, _, name in self._events if kind == _PHONEME_EVENT]
        ends = [at for _, at in marks[1:]] + [end]
        return [(_plain(name), at, stop) for (name, at), stop in zip(marks, ends) if stop > at]

    def _words(self, text: str, phones: list[tuple[str, float, float]]) -> list[Span] | None:
        """A word event carries the character (from 1) where its word begins; the word lasts until its last phone that is no pause."""
        starts = [match.start() for match in re.finditer(r"\S+", text)]
        heard: dict[int, list[float]] = {}
        marks = [(at, position - 1) for kind, at, position, _ in self._events if kind == _WORD_EVENT]
        for i, (at, position) in enumerate(marks):
            until = marks[i + 1][0] if i + 1 < len(marks) else float("inf")
            sounding = [p for p in phones if at - 0.001 <= p[1] < until and p[0] != "pause"]
            word = max((k for k, start in enumerate(starts) if start <= position), default=0)
            if sounding:
                heard.setdefault(word, []).extend((sounding[0][1], sounding[-1][2]))
        if 0 not in heard or len(heard) < 0.7 * len(starts):
            return None
        return _share(starts, {k: (min(marks), max(marks)) for k, marks in heard.items()})


def _share(starts: list[int], heard: dict[int, Span]) -> list[Span]:
    """Words that espeak-ng speaks as one ("of the") have one event: they share its time by the number of characters."""
    words: list[Span] = []
    for first in sorted(heard):
        group = range(first, next((k for k in sorted(heard) if k > first), len(starts)))
        start, end = heard[first]
        begin, past = starts[group[0]], starts[group[-1] + 1] if group[-1] + 1 < len(starts) else starts[group[-1]] + 4
        at = [start + (end - start) * (starts[k] - begin) / (past - begin) for k in group] + [end]
        words.extend(zip(at, at[1:]))
    return words


def _plain(name: str) -> str:
    """A phone without stress, length and variant marks; every kind of pause is one class."""
    plain = re.sub("[':,;%=#|]", "", name)
    plain = plain[:1] + re.sub("[0-9]", "", plain[1:])
    return plain if plain and not plain.startswith("_") else "pause"
