"""Speech through a pipeline of pipecat with a Sotto service in it: prints the frames of words as JSON lines.

pipecat_agent.py URL WAV [TOKEN]
"""

import asyncio
import json
import sys
import wave

from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    STTUpdateSettingsFrame,
    TranscriptionFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from sotto_stt.pipecat import SottoSTTService, SottoSTTSettings

CHUNK_MS = 40


class Printer(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, (TranscriptionFrame, InterimTranscriptionFrame)):
            kind = "final" if isinstance(frame, TranscriptionFrame) else "interim"
            line = {"type": kind, "text": frame.text, "language": frame.language}
            if kind == "final":
                line |= {"finalized": frame.finalized, "words": len(frame.result.get("words", ()))}
            print(json.dumps(line), flush=True)
        await self.push_frame(frame, direction)


async def main(url: str, path: str, token: str | None = None) -> None:
    with wave.open(path) as file:
        rate, pcm = file.getframerate(), file.readframes(file.getnframes())
    # So long a silence that it is the pipeline's word, not Sotto's own silence, that ends the utterance.
    session = {"endpointing": {"minSilenceMs": 5_000}}
    settings = SottoSTTSettings(language="en", hotwords=["library"], session=session)
    sotto = SottoSTTService(url=url, token=token, settings=settings)
    pipeline = Pipeline([sotto, Printer()])
    task = PipelineWorker(pipeline, params=PipelineParams(audio_in_sample_rate=rate, enable_metrics=True))

    @task.event_handler("on_pipeline_error")
    async def on_error(_: PipelineWorker, frame: ErrorFrame) -> None:
        print(json.dumps({"type": "error", "text": frame.error}), flush=True)

    async def speak() -> None:
        size = rate * CHUNK_MS // 1000 * 2
        for at in range(0, len(pcm), size):
            await task.queue_frame(InputAudioRawFrame(pcm[at : at + size], rate, 1))
            await asyncio.sleep(CHUNK_MS / 1000)
            if at == 10 * size:
                await task.queue_frame(STTUpdateSettingsFrame(delta=SottoSTTSettings(hotwords=["nearest"])))
        await task.queue_frame(VADUserStoppedSpeakingFrame(stop_secs=0.2))
        await task.queue_frame(EndFrame())

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(task)
    await asyncio.gather(runner.run(), speak())


asyncio.run(main(*sys.argv[1:]))
