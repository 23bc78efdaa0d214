"""Festival (Edinburgh, 2.5) as a child process: its diphone voice ked, with phone and word times."""

import os
import shutil
import subprocess
import tempfile
import wave

import numpy as np

from .voice import Span, Utterance, resample

VOICES = ("ked_diphone",)
"""A speaker whom flite has not. Its HMM voices are of flite's speakers and ten times slower."""
PROGRAM = r"""
(define (sotto_daughters word)
  (if word (begin
    (format t "W %s %s\n"
      (item.feat word "R:SylStructure.daughter1.daughter1.R:Segment.segment_start")
      (item.feat word "R:SylStructure.daughtern.daughtern.R:Segment.segment_end"))
    (sotto_daughters (item.next word)))))
(define (sotto_say text file stretch)
  (Parameter.set 'Duration_Stretch stretch)
  (let ((utt (utt.synth (eval (list 'Utterance 'Text text)))))
    (utt.save.wave utt file 'riff)
    (mapcar (lambda (seg) (format t "P %s %f\n" (item.name seg) (item.feat seg 'end))) (utt.relation.items utt 'Segment))
    (mapcar (lambda (token) (if (not (item.parent token)) (begin (format t "T\n") (sotto_daughters (item.daughter1 token))))) (utt.relation.items utt 'Token))
    t))
"""
MOST_ENDS = 200
DONE = r'(begin (format t "DONE\n") (fflush nil))'


class Festival:
    """One child a process. `libraries` holds the shared objects and the program `festival`; "" means the system's."""

    def __init__(self, libraries: str = "") -> None:
        program = os.path.join(libraries, "festival") if libraries else shutil.which("festival")
        if not program or not os.path.exists(program):
            raise FileNotFoundError("festival is not installed")
        self._program, self._environment = program, {**os.environ, "LD_LIBRARY_PATH": libraries} if libraries else None
        self._ends = 0
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self._wave = tempfile.NamedTemporaryFile(suffix=".wav", dir=memory)
        self._start()
        for voice in VOICES:
            if self.say("Good morning.", voice) is None:
                raise RuntimeError(f"festival does not speak with {voice}")

    def _start(self) -> None:
        self._child = subprocess.Popen(
            [self._program, "--pipe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
            text=True,
            encoding="latin-1",
        )
        self._voice = ""
        self._order(PROGRAM)

    def say(self, text: str, voice: str, stretch: float = 1.0) -> Utterance | None:
        """Speech of `text`, or None where festival's words cannot be matched to the written ones. Festival ends at a text that it cannot say."""
        try:
            return self._say(text, voice, stretch)
        except (EOFError, BrokenPipeError) as end:
            self._child.kill()
            self._child.wait()
            self._ends += 1
            if self._ends > MOST_ENDS:
                raise RuntimeError("festival ends too often") from end
            self._start()
            return None

    def _say(self, text: str, voice: str, stretch: float) -> Utterance | None:
        if voice != self._voice:
            self._order(f"(voice_{voice})")
            self._voice = voice
        plain = text.encode("ascii", "ignore").decode().replace("\\", " ").replace('"', " ")
        self._order(f'(sotto_say "{plain}" "{self._wave.name}" {stretch:.3f})')
        self._order(DONE)
        phones, tokens, start = [], [], 0.0
        while (raw := self._child.stdout.readline()) != "DONE\n":
            if not raw:
                raise EOFError
            line = raw.split()
            match line:
                case ["P", name, end]:
                    phones.append((name, start, float(end)))
                    start = float(end)
                case ["T"]:
                    tokens.append([])
                case ["W", first, last]:
                    tokens[-1].append((float(first), float(last)))
        if not tokens:
            return None
        with wave.open(self._wave.name) as file:
            rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
        words = [_span(parts) for parts in tokens]
        if len(words) != len(plain.split()) or len(words) != len(text.split()) or any(end <= begin for begin, end in words):
            return None
        return Utterance(resample(samples, rate), phones, words)

    def _order(self, expression: str) -> None:
        self._child.stdin.write(expression + "\n")
        self._child.stdin.flush()


def _span(parts: list[Span]) -> Span:
    """From the first to the last of a token's words that sounds: its punctuation is a word without segments."""
    sounding = [(start, end) for start, end in parts if end > start]
    return (sounding[0][0], sounding[-1][1]) if sounding else (0.0, 0.0)
