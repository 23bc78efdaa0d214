"""WhisperLiveKit's server with its own flags: what the command `whisperlivekit-server` runs."""

from whisperlivekit.basic_server import main

main()
