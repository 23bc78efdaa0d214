"""Speech through LiveKit's own plug-ins for other services, as a document sets them up: prints what each hears first.

documented_livekit.py WAV EXPRESSION...
"""

import asyncio
import sys
import wave

from livekit import rtc
from livekit.agents import stt
from livekit.agents.utils import http_context
from livekit.plugins import deepgram, openai

CHUNK_MS = 40
NAMES = {"deepgram": deepgram, "openai": openai}


async def hear(service: stt.STT, rate: int, pcm: bytes) -> str:
    stream = service.stream()

    async def speak() -> None:
        size = rate * CHUNK_MS // 1000 * 2
        for at in range(0, len(pcm), size):
            piece = pcm[at : at + size]
            stream.push_frame(rtc.AudioFrame(piece, rate, 1, len(piece) // 2))
            await asyncio.sleep(CHUNK_MS / 1000)
        stream.end_input()

    speaking = asyncio.create_task(speak())
    async for event in stream:
        if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
            break
    await speaking
    await stream.aclose()
    return event.alternatives[0].text


async def main(path: str, *expressions: str) -> None:
    with wave.open(path) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    async with http_context.open():
        for expression in expressions:
            print(await hear(eval(expression, NAMES), rate, pcm), flush=True)


asyncio.run(main(*sys.argv[1:]))
