"""Speech to text of LiveKit Agents by a Sotto server: `AgentSession(stt=SottoSTT("ws://127.0.0.1:8080/v1/stream"))`."""

import asyncio
import weakref
from contextlib import aclosing

import numpy as np
from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, APIError, LanguageCode, stt
from livekit.agents.types import NOT_GIVEN, NotGivenOr, TimedString
from livekit.agents.utils import AudioBuffer, is_given
from livekit.agents.utils.aio import cancel_and_wait

from .wire import SottoError, SottoStream

SAMPLE_RATE = 16_000
# How much of a recording is sent at a time: a second.
PIECE_BYTES = 32_000
EVENT = stt.SpeechEventType


class SottoSTT(stt.STT):
    """`settings` are those of the protocol's `start`: hotwords, endpointing, replacements, polish, …"""

    def __init__(self, url: str, *, token: str | None = None, language: str = "auto", **settings: object) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, aligned_transcript="word", keyterms=True
            )
        )
        self._url = url
        self._token = token
        self._settings = {"language": language, "words": True, **settings}
        self._keyterms: list[str] = []
        self._streams: weakref.WeakSet[_Stream] = weakref.WeakSet()
        # Told by the server that serves.
        self.serving_model = "unknown"

    @property
    def provider(self) -> str:
        return "Sotto"

    @property
    def model(self) -> str:
        return self.serving_model

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> "_Stream":
        stream = _Stream(self, conn_options, lambda: self._open(language))
        self._streams.add(stream)
        return stream

    def update_options(self, **settings: object) -> None:
        """Changes settings of this and of the streams that run, from their next utterance on."""
        self._settings.update(settings)
        self._configure(settings)

    def _update_session_keyterms(self, keyterms: list[str]) -> None:
        self._keyterms = keyterms
        self._configure({"hotwords": self._hotwords()})

    def _configure(self, settings: dict) -> None:
        for stream in self._streams:
            if stream.session is not None:
                stream.session.configure(**settings)

    def _hotwords(self) -> list[str]:
        return list(dict.fromkeys([*self._settings.get("hotwords", ()), *self._keyterms]))

    def _open(self, language: NotGivenOr[str]) -> SottoStream:
        settings = {**self._settings, "hotwords": self._hotwords()}
        if is_given(language):
            settings["language"] = language
        return SottoStream(self._url, sample_rate=SAMPLE_RATE, token=self._token, **settings)

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        # Whoever calls this tries again by itself.
        once = APIConnectOptions(max_retry=0, timeout=conn_options.timeout)
        async with self.stream(language=language, conn_options=once) as stream:
            stream.push_frame(rtc.combine_audio_frames(buffer))
            stream.end_input()
            finals = [event.alternatives[0] async for event in stream if event.type == EVENT.FINAL_TRANSCRIPT]
        data = stt.SpeechData(
            language=finals[0].language if finals else LanguageCode(""),
            text=" ".join(final.text for final in finals),
            end_time=finals[-1].end_time if finals else 0,
            confidence=sum(final.confidence for final in finals) / max(1, len(finals)),
            words=[word for final in finals for word in final.words or ()],
        )
        return stt.SpeechEvent(type=EVENT.FINAL_TRANSCRIPT, alternatives=[data])


class _Stream(stt.RecognizeStream):
    def __init__(self, sotto: SottoSTT, conn_options: APIConnectOptions, open_session) -> None:
        super().__init__(stt=sotto, conn_options=conn_options, sample_rate=SAMPLE_RATE)
        self._sotto = sotto
        self._open_session = open_session
        self.session: SottoStream | None = None
        # Utterances that have begun and have no final yet.
        self._open: set[int] = set()

    async def _run(self) -> None:
        session = self.session = self._open_session()
        sending = asyncio.create_task(self._send(session))
        try:
            async with aclosing(session.events()) as events:
                async for event in events:
                    self._tell(event)
        except SottoError as error:
            raise APIError(str(error), retryable=error.retryable) from error
        finally:
            await cancel_and_wait(sending)
            self.session = None
            self._end_speech()

    async def _send(self, session: SottoStream) -> None:
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                pcm = _mono(item)
                for at in range(0, len(pcm), PIECE_BYTES):
                    await session.room()
                    session.send(pcm[at : at + PIECE_BYTES])
            else:
                session.finalize()
        session.stop()

    def _tell(self, event: dict) -> None:
        kind = event["type"]
        if kind == "ready":
            self._sotto.serving_model = event["model"]
        elif kind == "speechStarted":
            if not self._open:
                self._send_event(EVENT.START_OF_SPEECH)
            self._open.add(event["segmentId"])
        elif kind == "partial":
            text = event["stable"] + event["tentative"]
            if text:
                self._send_event(EVENT.INTERIM_TRANSCRIPT, self._data(event, text))
        elif kind == "final" or (kind == "error" and "segmentId" in event):
            if event.get("text"):
                self._send_event(EVENT.FINAL_TRANSCRIPT, self._data(event, event["text"]))
            self._open.discard(event["segmentId"])
            if not self._open:
                self._send_event(EVENT.END_OF_SPEECH)
        elif kind == "restarted":
            # What had no final comes again, as other utterances.
            self._end_speech()
        elif kind == "stopped":
            usage = stt.RecognitionUsage(audio_duration=event["audioMs"] / 1000)
            self._send_event(EVENT.RECOGNITION_USAGE, usage=usage)

    def _end_speech(self) -> None:
        if self._open:
            self._open.clear()
            self._send_event(EVENT.END_OF_SPEECH)

    def _send_event(
        self, kind: stt.SpeechEventType, data: stt.SpeechData | None = None, usage: stt.RecognitionUsage | None = None
    ) -> None:
        alternatives = [] if data is None else [data]
        self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=alternatives, recognition_usage=usage))

    def _data(self, event: dict, text: str) -> stt.SpeechData:
        def seconds(ms: float) -> float:
            return ms / 1000 + self.start_time_offset

        words = event.get("words", ())
        return stt.SpeechData(
            language=LanguageCode(event.get("language", "")),
            text=text,
            start_time=seconds(event["startMs"]),
            end_time=seconds(event["endMs"]),
            confidence=sum(word["confidence"] for word in words) / max(1, len(words)),
            words=[
                TimedString(word["text"], start_time=seconds(word["startMs"]), end_time=seconds(word["endMs"]))
                for word in words
            ],
        )


def _mono(frame: rtc.AudioFrame) -> bytes:
    if frame.num_channels == 1:
        return bytes(frame.data)
    samples = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
    return samples.mean(axis=1).astype(np.int16).tobytes()
