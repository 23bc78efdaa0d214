"""A client of Sotto's wire, `sotto.v1.msgpack`: audio goes up, events come down, and a socket that is lost is made again
without losing words. The rules that are named here are those of protocol/README.md."""

import asyncio
import random
from collections.abc import AsyncIterator

import msgpack
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from .outgoing import Outgoing

ATTEMPTS_MAX = 12
FIRST_DELAY_SECONDS, DELAY_SECONDS_MAX = 0.25, 10.0
# After these closes a client comes back (CL1); 1006 is a socket that died.
RETURNS_AFTER = (1001, 1006, 1011, 1012, 1013, 4408)
# Messages that are no events (RS3).
UNCOUNTED = ("ready", "resumed", "ack", "partial", "polishedDelta", "pong")
# The frequent messages travel as arrays (MS2); of others the fields have names.
ROWS = (
    ("ack", "offset lagMs keepFrom"),
    ("speechStarted", "segmentId startMs channel"),
    ("partial", "segmentId revision stable tentative startMs endMs lagMs channel"),
    ("speechEnded", "segmentId endMs channel"),
    ("final", "segmentId reason text startMs endMs language avgLogprob noSpeechProb words noise finalizeId channel"),
    ("mark", "id offset"),
    ("polished", "scope text mode model latencyMs segmentId fallback firstSegmentId lastSegmentId channel"),
    ("polishedDelta", "scope from text segmentId channel"),
)
WORD = ("text", "startMs", "endMs", "confidence")


class SottoError(Exception):
    """What ended a session: a stable `code` (ER, or `connection_lost`), and whether trying again may help."""

    def __init__(self, code: str, message: str, retryable: bool) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.retryable = retryable


class _Lost(Exception):
    """This connection is over, the session is not. The server may ask for a wait, in seconds."""

    def __init__(self, why: str, wait: float = 0) -> None:
        super().__init__(why)
        self.wait = wait


class SottoStream:
    """One session, of 16-bit mono samples. `settings` are those of `start`: language, hotwords, endpointing, …

    Reading `events()`, dictionaries as the protocol has them, is what connects and keeps it going. Two types come from
    here: `reconnecting`, and `restarted` where the server had forgotten the session; utterances without a final then
    come again. Times and segment ids go on across both.
    """

    def __init__(self, url: str, *, sample_rate: int, token: str | None = None, **settings: object) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else None
        self._rate = sample_rate
        audio = {"encoding": "pcm_s16le", "sampleRate": sample_rate}
        self._start = {**settings, "type": "start", "audio": audio}
        self._outgoing = Outgoing(sample_rate)
        # Opens the way back to the session, once there is one.
        self._resume_token: str | None = None
        self._is_known = self._is_linked = False
        self._window_ms = 0.0
        self._events = self._attempt = 0
        # Where the session of the moment begins in the stream, and the first id that no segment has.
        self._base_ms, self._base_segment, self._next_segment = 0.0, 0, 0

    def send(self, pcm: bytes) -> None:
        """Takes samples. Raises BufferError where more waits than is kept (a minute)."""
        self._outgoing.push_audio(bytes(pcm))

    def finalize(self, finalize_id: str = "finalize") -> None:
        """Ends the utterance in progress now; its final carries the id as `finalizeId`."""
        self._outgoing.push({"type": "finalize", "id": finalize_id})

    def configure(self, **settings: object) -> None:
        """Changes settings from the next utterance on."""
        self._start.update(settings)
        self._outgoing.push({**settings, "type": "configure"})

    def stop(self) -> None:
        """No more audio. What has not been told is told, and `stopped` is the last event."""
        self._outgoing.push({"type": "stop"})

    async def room(self) -> None:
        """Waits until less than half of what is kept waits: for senders that are not bound to real time."""
        await self._outgoing.room()

    async def events(self) -> AsyncIterator[dict]:
        """Connects, and tells what comes until `stopped`. Raises SottoError where the session cannot go on."""
        while True:
            try:
                async with connect(
                    self._url,
                    subprotocols=["sotto.v1.msgpack"],
                    additional_headers=self._headers,
                    ping_interval=5,
                    ping_timeout=10,
                ) as socket:
                    writing = asyncio.create_task(self._write(socket))
                    try:
                        async for frame in socket:
                            event = self._receive(_read(frame))
                            if event is not None:
                                yield event
                                if event["type"] == "stopped":
                                    return
                    finally:
                        writing.cancel()
                        self._is_linked = False
                if socket.close_code not in RETURNS_AFTER:
                    raise SottoError("connection_lost", f"closed with {socket.close_code}: {socket.close_reason}", False)
                delay = self._delay(socket.close_reason or "", 0)
            except _Lost as lost:
                delay = self._delay(str(lost), lost.wait)
            except (OSError, WebSocketException) as failure:
                code = getattr(getattr(failure, "rcvd", None), "code", 1006)
                if code not in RETURNS_AFTER:
                    raise SottoError("connection_lost", str(failure), False) from failure
                delay = self._delay(str(failure), 0)
            yield {"type": "reconnecting", "delayMs": delay * 1000}
            await asyncio.sleep(delay)

    async def _write(self, socket: ClientConnection) -> None:
        hello = self._start
        if self._resume_token is not None:
            hello = {"type": "resume", "token": self._resume_token, "events": self._events}
        try:
            await socket.send(msgpack.packb(hello))
            while True:
                message = self._outgoing.take(self._window_ms) if self._is_linked else None
                if message is None:
                    await self._outgoing.changed()
                else:
                    await socket.send(msgpack.packb(message))
        except WebSocketException:
            pass  # The reader sees the end too, and what was not received is sent again.

    def _receive(self, message: dict) -> dict | None:
        """Takes a message in; what its reader is to hear of it, placed in the stream."""
        kind = message["type"]
        if kind not in UNCOUNTED:
            self._events += 1
        if kind == "ready":
            return self._on_ready(message)
        if kind == "resumed":
            self._linked()
            self._outgoing.resume(message["offset"], message["messages"])
            return message
        if kind == "error" and message["fatal"]:
            self._refused(message)
        if kind == "ack":
            self._attempt = 0
            self._outgoing.acknowledge(message["offset"], message["lagMs"])
            return None
        if kind == "stopped" and message["reason"] == "drain" and self._outgoing.is_waiting:
            self._resume_token = None
            raise _Lost("the server shuts down")
        for timed in (message, *(message.get("words", ()) if kind == "final" else ())):
            for key in ("startMs", "endMs", "audioMs"):
                if key in timed:
                    timed[key] += self._base_ms
        if "segmentId" in message:
            message["segmentId"] += self._base_segment
            self._next_segment = max(self._next_segment, message["segmentId"] + 1)
        if kind == "final":
            self._outgoing.settle(message["endMs"])
        return message

    def _on_ready(self, message: dict) -> dict:
        self._resume_token = message.get("resumeToken")
        self._window_ms = message["limits"]["bufferedAudioMsMax"]
        self._events = 0
        self._linked()
        if not self._is_known:
            self._is_known = True
            return message
        self._base_ms = self._outgoing.restart() * 1000 / self._rate
        self._base_segment = self._next_segment
        return {"type": "restarted", "sessionId": message["sessionId"], "fromMs": self._base_ms}

    def _linked(self) -> None:
        self._is_linked = True
        self._outgoing.wake()

    def _refused(self, message: dict) -> None:
        if message["code"] == "resume_unknown" and self._resume_token is not None:
            self._resume_token = None
            raise _Lost(message["message"])
        if self._is_known and not self._is_linked and message["retryable"]:
            raise _Lost(message["message"], message.get("retryAfterMs", 0) / 1000)
        raise SottoError(message["code"], message["message"], message["retryable"])

    def _delay(self, why: str, wait: float) -> float:
        """Seconds until the next attempt: exponential, with full jitter."""
        if not self._is_known or self._attempt >= ATTEMPTS_MAX:
            raise SottoError("connection_lost", why or "the connection was lost", True)
        self._attempt += 1
        return wait + random.random() * min(DELAY_SECONDS_MAX, FIRST_DELAY_SECONDS * 2**self._attempt)


def _read(frame: str | bytes) -> dict:
    value = msgpack.unpackb(frame) if isinstance(frame, bytes) else {}
    if not isinstance(value, list):
        return {"type": "", **value}
    kind, keys = ROWS[value[0]] if value[0] < len(ROWS) else ("", "")
    fields = zip(keys.split(), value[1:], strict=False)
    message = {"type": kind, **{key: field for key, field in fields if field is not None}}
    if "words" in message:
        message["words"] = [dict(zip(WORD, word, strict=False)) for word in message["words"]]
    return message
