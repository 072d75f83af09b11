"""How HTTP/1.1 is read: a request must arrive within a time limit, and offers to upgrade are ignored.

uvicorn has a time-out for idle connections only, and its parser takes the body of a request that offers
HTTP/2 (the JDK's ``HttpClient`` offers it with its first one) for bytes of the new protocol.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from arrol_serve.api.error_response import error_body
from arrol_serve.api.error_shapes import shaped_for

LEAST_BYTES_PER_S = 1024
"""Bytes a second: a body that comes faster is waited for, however long it is."""
HOP_BY_HOP = (b"upgrade", b"http2-settings", b"connection")
SLOW = (
    "The request did not arrive in time: the head has {limit:g} s, the body as long and one second more "
    "for each KiB. Send it again."
)


def patient_protocol(limit_s: float) -> type[HttpToolsProtocol]:
    """The protocol class for uvicorn, with ``limit_s`` seconds for a request's head and for its body."""
    return type("PatientProtocol", (PatientProtocol,), {"limit_s": limit_s})


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol for one connection."""

    limit_s: float = 20.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._refused_offer = self._in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.url = b""
        self._expect(self.limit_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_body = False
        self._expect(self.limit_s)

    def on_headers_complete(self) -> None:
        self._refused_offer = self._offers_upgrade() and not self._should_upgrade()
        if not self._refused_offer:
            self._in_body = True
            self._expect(self.limit_s)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._deadline += len(body) / LEAST_BYTES_PER_S
        if not self._refused_offer:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused_offer:
            self._expect_nothing()
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """uvicorn's, but what follows an offer is read as what it is: the request's body."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._refused_offer:
                self._read_without_offer(data[upgrade.args[0] :])
            elif self._should_upgrade():
                self._expect_nothing()
                self.handle_websocket_upgrade()
        except httptools.HttpParserError:
            self._expect_nothing()
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")

    def _offers_upgrade(self) -> bool:
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"

    def _read_without_offer(self, rest: bytes) -> None:
        """Start the request again, in a parser that has not seen the offer."""
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/1.1\r\n"]
        head += [part for line in _kept(self.headers) for part in (*line, b"\r\n")]
        self._refused_offer = False
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join((*head, b"\r\n", rest)))

    def _expect(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds
        if self._timer is None:
            self._timer = self.loop.call_at(self._deadline, self._look)

    def _expect_nothing(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Time may be up; or the deadline has moved, or it is we who are not reading on."""
        self._timer = None
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.flow.read_paused or (answering and not self._in_body):
            self._expect(self.limit_s)
        elif self.loop.time() < self._deadline:
            self._timer = self.loop.call_at(self._deadline, self._look)
        elif not self.transport.is_closing():
            self._give_up(answering)

    def _give_up(self, answering: bool) -> None:
        """Say so, unless nothing was asked yet or the answer has begun; for the app the client has left."""
        if self.url and (not self.cycle.response_started if answering else not self._in_body):
            self.transport.write(_too_slow(self.limit_s, self.url.decode("latin-1")))
        if answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes, bytes]]:
    """Header lines without the offer. ``Connection`` may say ``close`` beside it."""
    lines = [(name, b": ", value) for name, value in headers if name not in HOP_BY_HOP]
    said = b",".join(value for name, value in headers if name == b"connection").lower()
    if b"close" in [token.strip() for token in said.split(b",")]:
        lines.append((b"connection", b": ", b"close"))
    return lines


def _too_slow(limit_s: float, path: str) -> bytes:
    told = shaped_for(path, 408, error_body(408, SLOW.format(limit=limit_s)))
    body = json.dumps(told).encode()
    return (
        b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\nconnection: close\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
