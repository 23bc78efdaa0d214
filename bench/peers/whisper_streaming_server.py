"""whisper_streaming's server on a CPU. Its sources name the GPU, and say in a comment what to write for a CPU (int8).

python whisper_streaming_server.py CHECKOUT THREADS [its own flags]

Its VAC loads Silero through torch.hub, which needs the network: here the same model comes from the package silero-vad.
"""

import pathlib
import runpy
import sys

import faster_whisper
import torch
from silero_vad import load_silero_vad

CHECKOUT, THREADS = pathlib.Path(sys.argv[1]), int(sys.argv[2])


class OnCpu(faster_whisper.WhisperModel):
    def __init__(self, path, **options):
        super().__init__(path, **options | {"device": "cpu", "compute_type": "int8", "cpu_threads": THREADS})


faster_whisper.WhisperModel = OnCpu
torch.hub.load = lambda **_: (load_silero_vad(), None)
sys.path.insert(0, str(CHECKOUT))
server = CHECKOUT / "whisper_online_server.py"
sys.argv = [str(server), *sys.argv[3:]]
runpy.run_path(str(server), run_name="__main__")
