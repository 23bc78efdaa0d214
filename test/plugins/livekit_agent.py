"""Speech through LiveKit's own recognise streams to a Sotto server, without a room: prints what they tell as JSON lines.

livekit_agent.py URL WAV [TOKEN]
"""

import asyncio
import json
import sys
import wave

from livekit import rtc
from livekit.agents import stt
from sotto_stt.livekit import SottoSTT

CHUNK_MS = 40


def read(path: str) -> tuple[int, bytes]:
    with wave.open(path) as file:
        return file.getframerate(), file.readframes(file.getnframes())


def show(event: stt.SpeechEvent) -> None:
    line = {"type": event.type.value}
    if event.alternatives:
        said = event.alternatives[0]
        line |= {"text": said.text, "start": said.start_time, "end": said.end_time, "language": str(said.language)}
        line["words"] = [[str(word), word.start_time, word.end_time] for word in said.words or ()]
    if event.recognition_usage is not None:
        line["seconds"] = event.recognition_usage.audio_duration
    print(json.dumps(line), flush=True)


async def main(url: str, path: str, token: str | None = None) -> None:
    rate, pcm = read(path)
    sotto = SottoSTT(url, token=token, language="en", hotwords=["library"])
    stream = sotto.stream()
    bytes_per_chunk = rate * CHUNK_MS // 1000 * 2

    async def speak() -> None:
        for at in range(0, len(pcm), bytes_per_chunk):
            piece = pcm[at : at + bytes_per_chunk]
            stream.push_frame(rtc.AudioFrame(piece, rate, 1, len(piece) // 2))
            await asyncio.sleep(CHUNK_MS / 1000)
            if at == 10 * bytes_per_chunk:
                sotto.update_options(hotwords=["nearest"])
                sotto._update_session_keyterms(["library"])
        stream.end_input()

    speaking = asyncio.create_task(speak())
    async for event in stream:
        show(event)
    await speaking
    await stream.aclose()

    whole = await sotto.recognize([rtc.AudioFrame(pcm, rate, 1, len(pcm) // 2)])
    print(json.dumps({"type": "recognized", "text": whole.alternatives[0].text, "model": sotto.model}), flush=True)


asyncio.run(main(*sys.argv[1:]))
