"""Speech through pipecat's own services for other APIs, as a document sets them up: prints what each hears first.

documented_pipecat.py WAV EXPRESSION...
"""

import asyncio
import sys
import wave

from pipecat.frames.frames import EndFrame, Frame, InputAudioRawFrame, TranscriptionFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService
from pipecat.services.deepgram.stt import DeepgramSTTService
from pipecat.services.openai.stt import OpenAIRealtimeSTTService
from pipecat.workers.runner import WorkerRunner

CHUNK_MS = 40
NAMES = {one.__name__: one for one in (DeepgramFluxSTTService, DeepgramSTTService, OpenAIRealtimeSTTService)}


class Listener(FrameProcessor):
    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame) and not self.heard.is_set():
            print(frame.text, flush=True)
            self.heard.set()
        await self.push_frame(frame, direction)


async def hear(service: FrameProcessor, rate: int, pcm: bytes) -> None:
    listener = Listener()
    task = PipelineWorker(Pipeline([service, listener]), params=PipelineParams(audio_in_sample_rate=rate))

    async def speak() -> None:
        size = rate * CHUNK_MS // 1000 * 2
        pieces = [pcm[at : at + size] for at in range(0, len(pcm), size)]
        # Silence follows for as long as it takes: a turn ends by it.
        while pieces or not listener.heard.is_set():
            await task.queue_frame(InputAudioRawFrame(pieces.pop(0) if pieces else bytes(size), rate, 1))
            await asyncio.sleep(CHUNK_MS / 1000)
        await task.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(task)
    await asyncio.gather(runner.run(), speak())


async def main(path: str, *expressions: str) -> None:
    with wave.open(path) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    for expression in expressions:
        await hear(eval(expression, NAMES), rate, pcm)


asyncio.run(main(*sys.argv[1:]))
