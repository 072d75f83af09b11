"""Raw sockets against uvicorn with our protocol: who is waited for, who is cut off, and what is said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from arrol_serve.api.middleware.http_protocol import patient_protocol

LIMIT_S = 0.3
OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
)


class Echo:
    """Answers with what it read; knows how each request ended."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            self.ends.append(message["type"])
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        seen = {name.decode() for name, _ in scope["headers"]}
        said = json.dumps({"body": body.decode(), "headers": sorted(seen)}).encode()
        length = (b"content-length", b"%d" % len(said))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": said})


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app, port=0, lifespan="off", log_level="error", http=patient_protocol(LIMIT_S)
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn keeps a flag, not an event
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


def talk(what: Talk, app: Any = None) -> bytes:
    async def run() -> bytes:
        async with served(app or Echo()) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                async with asyncio.timeout(10):
                    return await what(reader, writer)
            finally:
                writer.close()

    return asyncio.run(run())


def post(body: bytes, extra: bytes = b"") -> bytes:
    return b"POST /x HTTP/1.1\r\nHost: y\r\nContent-Length: %d\r\n%b\r\n%b" % (
        len(body),
        extra,
        body,
    )


async def reply(reader: asyncio.StreamReader) -> tuple[bytes, Any]:
    """(status line, JSON body) of one response."""
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = (
        line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-l")
    )
    return head.split(b"\r\n")[0], json.loads(await reader.readexactly(int(length)))


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
@pytest.mark.parametrize("body", [b'{"a": 1}', b"x" * 200_000, b""])
def test_an_offer_of_http2_is_answered_as_http1_with_the_body_whole(
    body: bytes, pause_s: float
) -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        whole = post(body, OFFER)
        cut = whole.index(b"\r\n\r\n") + 4
        for part in (whole[:cut], whole[cut:]) if pause_s else (whole,):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)
        status, first = await reply(reader)
        writer.write(post(b"again"))  # on the same connection
        _, second = await reply(reader)
        assert first["body"].encode() == body
        assert not {"upgrade", "http2-settings", "connection"} & set(first["headers"])
        assert second["body"] == "again"
        return status

    assert talk(what) == b"HTTP/1.1 200 OK"


def test_a_chunked_body_behind_an_offer_is_read_too() -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        head = b"POST /x HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n" + OFFER + b"\r\n"
        writer.write(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        said: str = (await reply(reader))[1]["body"]
        return said.encode()

    assert talk(what) == b"abcde"


@pytest.mark.parametrize(
    "half",
    [b"POST /x HT", b"POST /x HTTP/1.1\r\nHost: y\r\nX-A: ", post(b"x" * 10)[:-3]],
    ids=["request line", "head", "body"],
)
def test_a_request_that_stops_half_way_gets_408_and_is_closed(half: bytes) -> None:
    app = Echo()

    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(half)
        status, body = await reply(reader)
        assert body["error"]["code"] == "request_timeout"
        assert await reader.read() == b""
        return status

    assert talk(what, app) == b"HTTP/1.1 408 Request Timeout"
    assert app.ends in ([], ["http.request", "http.disconnect"])


def test_a_slow_request_is_told_so_as_its_route_tells_errors() -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(post(b"x" * 10).replace(b"/x", b"/v1/messages")[:-3])
        status, body = await reply(reader)
        assert (body["type"], body["error"]["code"]) == ("error", "request_timeout")
        return status

    assert talk(what) == b"HTTP/1.1 408 Request Timeout"


def test_a_head_that_drips_is_cut_off_all_the_same() -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST /x HTTP/1.1\r\n")
        read = asyncio.create_task(reader.readline())  # what comes after may be a reset
        while not read.done():
            writer.write(b"X-A: b\r\n")
            await asyncio.sleep(LIMIT_S / 5)
        return read.result()

    assert talk(what).startswith(b"HTTP/1.1 408 ")


def test_who_connects_and_says_nothing_is_closed_without_a_word() -> None:
    async def what(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> bytes:
        return await reader.read()

    assert talk(what) == b""


def test_a_large_body_has_the_time_that_it_takes() -> None:
    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        body = b"y" * 8192
        whole = post(body)
        for at in range(0, len(whole), 1024):  # in about a second, more than the limit
            writer.write(whole[at : at + 1024])
            await asyncio.sleep(0.1)
        said: str = (await reply(reader))[1]["body"]
        return said.encode()

    assert talk(what) == b"y" * 8192


def test_an_answer_that_takes_long_is_no_slow_request() -> None:
    async def slow(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await asyncio.sleep(3 * LIMIT_S)
        length = (b"content-length", b"4")
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": b"done"})

    async def what(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(post(b"z") + b"POST /next HT")  # the next one waits meanwhile
        head = await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(4) == b"done"
        return head.split(b"\r\n")[0]

    assert talk(what, slow) == b"HTTP/1.1 200 OK"
