"""What a session sends: in order, no faster than the server has room for, and kept until it need not be sent again."""

import asyncio
from collections import deque
from dataclasses import dataclass

BYTES_PER_SAMPLE = 2
# Audio that may wait, as while there is no connection, milliseconds.
WAITING_MS_MAX = 60_000
# Audio that has arrived and is without words yet is kept for so long, in case the server forgets the session.
KEPT_MS_MAX = 30_000


@dataclass
class _Entry:
    message: dict
    # Samples since the start of the stream; the same for what is no audio.
    first: int
    end: int
    data: bytes = b""
    # Which of the session's messages it is, from 1 on (RS5); 0 for audio, and for what was not sent yet.
    number: int = 0

    def has_arrived(self, sent: int) -> bool:
        return bool(self.data) and self.end <= sent


class Outgoing:
    def __init__(self, sample_rate: int) -> None:
        self._samples_per_ms = sample_rate / 1000
        self._entries: deque[_Entry] = deque()
        # Entries before this have been sent; of audio, samples before `_sent`.
        self._next = 0
        self._pushed = self._sent = self._acked = self._settled = 0
        self._lag_ms = 0.0
        self._numbers = 0
        # Where the session of the moment begins.
        self._base = 0
        self._change = asyncio.Event()
        self._arrival = asyncio.Event()

    @property
    def is_waiting(self) -> bool:
        """Whether anything is not known to have arrived."""
        return self._acked < self._pushed or self._next < len(self._entries)

    def push_audio(self, data: bytes) -> None:
        samples, rest = divmod(len(data), BYTES_PER_SAMPLE)
        if rest:
            raise ValueError(f"{len(data)} bytes are not whole samples of {BYTES_PER_SAMPLE} bytes.")
        if (self._pushed + samples - self._acked) / self._samples_per_ms > WAITING_MS_MAX:
            raise BufferError(f"More than {WAITING_MS_MAX} ms of audio wait for the server.")
        self._entries.append(_Entry({"type": "audio"}, self._pushed, self._pushed + samples, data))
        self._pushed += samples
        self.wake()

    def push(self, message: dict) -> None:
        self._entries.append(_Entry(message, self._pushed, self._pushed))
        self.wake()

    def take(self, window_ms: float) -> dict | list | None:
        """The next message, as it is written; None where nothing waits, or the server has no room (BP2)."""
        while self._next < len(self._entries) and self._entries[self._next].has_arrived(self._sent):
            self._next += 1
        if self._next == len(self._entries):
            return None
        entry = self._entries[self._next]
        in_flight_ms = (self._sent - self._acked) / self._samples_per_ms + self._lag_ms
        if entry.data and in_flight_ms > 0:
            if in_flight_ms + (entry.end - entry.first) / self._samples_per_ms > window_ms:
                return None
        self._next += 1
        if not entry.data:
            self._numbers += 1
            entry.number = self._numbers
            return entry.message
        first = max(entry.first, self._sent)
        self._sent = entry.end
        return [0, first - self._base, entry.data[(first - entry.first) * BYTES_PER_SAMPLE :]]

    def acknowledge(self, offset: int, lag_ms: float) -> None:
        """Samples of the session before `offset` have arrived."""
        self._acked = max(self._acked, self._base + offset)
        self._lag_ms = lag_ms
        self._arrival.set()
        self._forget()
        self.wake()

    def settle(self, ms: float) -> None:
        """The words before this time of the stream have been told."""
        self._settled = max(self._settled, int(ms * self._samples_per_ms))
        self._forget()

    def resume(self, offset: int, messages: int) -> None:
        """The session goes on: this has arrived, what comes after it is sent again."""
        self._sent = self._acked = max(self._acked, self._base + offset)
        self._rewind(lambda entry: entry.end > self._sent if entry.data else not 0 < entry.number <= messages, messages)

    def restart(self) -> int:
        """A new session begins where the words of the last one end, or with the first sample that is kept: returned."""
        audio = (entry.first for entry in self._entries if entry.data)
        self._base = self._sent = self._acked = max(self._settled, next(audio, self._pushed))
        self._rewind(lambda entry: not entry.data or entry.end > self._base, 0)
        return self._base

    def wake(self) -> None:
        self._change.set()

    async def room(self) -> None:
        while (self._pushed - self._acked) / self._samples_per_ms > WAITING_MS_MAX / 2:
            self._arrival.clear()
            await self._arrival.wait()

    async def changed(self) -> None:
        await self._change.wait()
        self._change.clear()

    def _rewind(self, is_due, arrived: int) -> None:
        self._next = next((at for at, entry in enumerate(self._entries) if is_due(entry)), len(self._entries))
        self._numbers = arrived
        self._lag_ms = 0.0
        for at in range(self._next, len(self._entries)):
            self._entries[at].number = 0

    def _forget(self) -> None:
        kept_from = min(self._acked, max(self._settled, self._acked - int(KEPT_MS_MAX * self._samples_per_ms)))
        while self._next > 0:
            head = self._entries[0]
            # What is no audio has arrived for certain when audio after it has.
            if head.end > kept_from or (not head.data and head.end >= self._acked):
                return
            self._entries.popleft()
            self._next -= 1
