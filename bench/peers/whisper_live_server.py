"""WhisperLive's server, as its run_server.py starts it: that script is not in its package.

python whisper_live_server.py PORT CTRANSLATE2_MODEL THREADS
"""

import os
import sys

PORT, MODEL, THREADS = sys.argv[1:]
os.environ["OMP_NUM_THREADS"] = THREADS

from whisper_live.server import TranscriptionServer

TranscriptionServer().run(
    "127.0.0.1",
    port=int(PORT),
    backend="faster_whisper",
    faster_whisper_custom_model_path=MODEL,
    single_model=True,
    max_clients=16,
    max_connection_time=3_600,
)
