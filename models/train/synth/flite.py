"""flite through ctypes: speech of its voices with phone and word times (libflite 2.2, www.festvox.org/flite)."""

import ctypes
import os

import numpy as np

from .voice import Span, Utterance, resample

VOICES = ("slt", "rms", "awb", "kal16")

# Paths through flite's utterance structure (Festival's feature paths): a token's first and last segment.
FIRST_SEGMENT_START = b"daughter.R:SylStructure.daughter.daughter.R:Segment.p.end"
LAST_SEGMENT_END = b"daughtern.R:SylStructure.daughtern.daughtern.R:Segment.end"


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


_pointer, _text, _float = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float
_SIGNATURES = {
    "flite_synth_text": (_pointer, [_text, _pointer]),
    "utt_wave": (ctypes.POINTER(_Wave), [_pointer]),
    "utt_relation": (_pointer, [_pointer, _text]),
    "relation_head": (_pointer, [_pointer]),
    "item_next": (_pointer, [_pointer]),
    "item_feat_string": (_text, [_pointer, _text]),
    "item_feat_float": (_float, [_pointer, _text]),
    "ffeature_float": (_float, [_pointer, _text]),
    "feat_set_float": (None, [_pointer, _text, _float]),
    "delete_utterance": (None, [_pointer]),
}


class Flite:
    """One instance a process: libflite keeps global state. `libraries` is the folder of the shared objects, or "" for the system's."""

    def __init__(self, libraries: str = "") -> None:
        def load(name: str) -> ctypes.CDLL:
            return ctypes.CDLL(os.path.join(libraries, name), mode=ctypes.RTLD_GLOBAL)

        load("libasound.so.2")
        self._lib = load("libflite.so.1")
        load("libflite_usenglish.so.1")
        load("libflite_cmulex.so.1")
        self._lib.flite_init()
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._voices: dict[str, int] = {}
        self._features: dict[str, int] = {}
        for name in VOICES:
            register = getattr(load(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
            register.restype, register.argtypes = _pointer, [_text]
            voice = register(None)
            self._voices[name] = voice
            # cst_voice begins { char *name; cst_features *features; ... }
            self._features[name] = ctypes.cast(voice, ctypes.POINTER(_pointer))[1]

    def say(self, text: str, voice: str, stretch: float = 1.0, f0_shift: float = 1.0) -> Utterance | None:
        """Speech of `text`, or None where flite's words cannot be matched to the written ones."""
        lib = self._lib
        lib.feat_set_float(self._features[voice], b"duration_stretch", stretch)
        lib.feat_set_float(self._features[voice], b"f0_shift", f0_shift)
        utterance = lib.flite_synth_text(text.encode("ascii", "ignore"), self._voices[voice])
        if not utterance:
            return None
        try:
            wave = lib.utt_wave(utterance).contents
            samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).copy()
            words = self._words(utterance)
            if len(words) != len(text.split()) or any(end <= start for start, end in words):
                return None
            return Utterance(resample(samples, wave.sample_rate), self._phones(utterance), words)
        finally:
            lib.delete_utterance(utterance)

    def _phones(self, utterance: int) -> list[tuple[str, float, float]]:
        lib, phones, start = self._lib, [], 0.0
        item = lib.relation_head(lib.utt_relation(utterance, b"Segment"))
        while item:
            end = lib.item_feat_float(item, b"end")
            phones.append((lib.item_feat_string(item, b"name").decode(), start, end))
            start, item = end, lib.item_next(item)
        return phones

    def _words(self, utterance: int) -> list[Span]:
        lib, words = self._lib, []
        item = lib.relation_head(lib.utt_relation(utterance, b"Token"))
        while item:
            words.append((lib.ffeature_float(item, FIRST_SEGMENT_START), lib.ffeature_float(item, LAST_SEGMENT_END)))
            item = lib.item_next(item)
        return words
