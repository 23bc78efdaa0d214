"""What the client of the wire says where it cannot go on. wire_errors.py URL"""

import asyncio
import sys

from sotto_stt.wire import SottoError, SottoStream


async def fail(url: str, **settings: object) -> None:
    try:
        async for _ in SottoStream(url, sample_rate=16_000, **settings).events():
            pass
    except SottoError as error:
        print(error.code, error.retryable)


async def main(url: str) -> None:
    await fail("ws://127.0.0.1:9/v1/stream")
    await fail(url, language="xx")
    stream = SottoStream(url, sample_rate=16_000)
    for data in (b"123", bytes(61 * 32_000)):
        try:
            stream.send(data)
        except (ValueError, BufferError) as error:
            print(type(error).__name__, error)


asyncio.run(main(sys.argv[1]))
