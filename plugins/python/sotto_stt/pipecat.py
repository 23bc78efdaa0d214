"""Speech to text of pipecat by a Sotto server: `Pipeline([transport.input(), SottoSTTService(url="ws://…/v1/stream"), …])`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterimTranscriptionFrame,
    StartFrame,
    TranscriptionFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.settings import NOT_GIVEN, STTSettings, is_given
from pipecat.services.stt_service import STTService
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601

from .wire import SottoError, SottoStream

# How long the last words may take after the pipeline's end.
STOP_SECONDS = 10.0
# From the end of speech to its final: half a second of silence, and the decode.
TTFS_P99_SECONDS = 1.5


@dataclass
class SottoSTTSettings(STTSettings):
    """What may change while a session runs. `session`: further fields of the protocol's `configure`."""

    hotwords: list[str] | Any = field(default_factory=lambda: NOT_GIVEN)
    session: dict[str, Any] | Any = field(default_factory=lambda: NOT_GIVEN)


class SottoSTTService(STTService):
    """Streams what a pipeline hears to Sotto, and its words into the pipeline."""

    Settings = SottoSTTSettings
    _settings: SottoSTTSettings

    def __init__(
        self,
        *,
        url: str,
        token: str | None = None,
        settings: SottoSTTSettings | None = None,
        ttfs_p99_latency: float | None = TTFS_P99_SECONDS,
        **kwargs: Any,
    ) -> None:
        chosen = SottoSTTSettings(model=None, language=None, hotwords=[], session={})
        if settings is not None:
            chosen.apply_update(settings)
        super().__init__(settings=chosen, ttfs_p99_latency=ttfs_p99_latency, **kwargs)
        self._url = url
        self._token = token
        self._session: SottoStream | None = None
        self._reading: asyncio.Task | None = None

    def can_generate_metrics(self) -> bool:
        return True

    def language_to_service_language(self, language: Language) -> str | None:
        return language.value

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        self._session = SottoStream(self._url, sample_rate=self.sample_rate, token=self._token, **self._wishes())
        self._reading = self.create_task(self._read(self._session))

    async def stop(self, frame: EndFrame) -> None:
        """Lets the last words come before the pipeline ends."""
        if self._session is not None and self._reading is not None:
            self._session.stop()
            await asyncio.wait([self._reading], timeout=STOP_SECONDS)
        await super().stop(frame)
        await self._disconnect()

    async def cancel(self, frame: CancelFrame) -> None:
        await super().cancel(frame)
        await self._disconnect()

    async def cleanup(self) -> None:
        await super().cleanup()
        await self._disconnect()

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Hands audio over; words come as frames of their own."""
        if self._session is not None:
            try:
                self._session.send(audio)
            except BufferError as error:
                await self.push_error(str(error), exception=error)
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        # The pipeline knows that the speaker has stopped: nobody waits for Sotto's own silence.
        if isinstance(frame, VADUserStoppedSpeakingFrame) and self._session is not None:
            self.request_finalize()
            self._session.finalize("vad")

    async def _update_settings(self, delta: STTSettings) -> dict[str, Any]:
        changed = await super()._update_settings(delta)
        if changed and self._session is not None:
            self._session.configure(**self._wishes())
        return changed

    def _wishes(self) -> dict[str, Any]:
        language, hotwords, session = self._settings.language, self._settings.hotwords, self._settings.session
        return {
            "language": language if is_given(language) and language else "auto",
            "hotwords": hotwords,
            "words": True,
            **session,
        }

    async def _disconnect(self) -> None:
        reading, self._reading, self._session = self._reading, None, None
        if reading is not None and not reading.done():
            await self.cancel_task(reading)

    async def _read(self, session: SottoStream) -> None:
        try:
            async with aclosing(session.events()) as events:
                async for event in events:
                    await self._tell(event)
        except SottoError as error:
            await self._call_event_handler("on_connection_error", str(error))
            await self.push_error(str(error), exception=error)

    async def _tell(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "ready":
            await self._call_event_handler("on_connected")
        elif kind == "reconnecting":
            await self._call_event_handler("on_disconnected")
        elif kind in ("resumed", "restarted"):
            await self._call_event_handler("on_connected")
        elif kind == "partial":
            text = event["stable"] + event["tentative"]
            if text:
                frame = InterimTranscriptionFrame(text, self._user_id, time_now_iso8601(), result=event)
                await self.push_frame(frame)
        elif kind == "final":
            if event.get("finalizeId") == "vad":
                self.confirm_finalize()
            if event["text"]:
                # Early releases of pipecat 1 have no metrics of usage.
                if hasattr(self, "emit_stt_usage_metrics"):
                    await self.emit_stt_usage_metrics()
                language = _language(event["language"])
                await self.push_frame(
                    TranscriptionFrame(event["text"], self._user_id, time_now_iso8601(), language, result=event)
                )
        elif kind == "error":
            await self.push_error(f"{event['message']} ({event['code']})")


def _language(code: str) -> Language | None:
    try:
        return Language(code)
    except ValueError:
        return None
