"""A tiny OTLP receiver: the spans that a server sends, over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Span = dict[str, Any]


class Receiver:
    """Spans by name and attributes, in the order of their arrival."""

    def __init__(self) -> None:
        self.url = ""
        self._spans: list[Span] = []

    def take(self, payload: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(payload)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    said = {one.key: _value(one.value) for one in span.attributes}
                    self._spans.append({"name": span.name, "trace": span.trace_id.hex(), **said})

    def spans_of(self, request_id: str, number: int, limit_s: float = 30.0) -> list[Span]:
        """Those whose request begins with ``request_id``, once there are ``number``."""
        end = time.monotonic() + limit_s
        while True:
            found = [
                s for s in self._spans if str(s.get("gen_ai.request.id")).startswith(request_id)
            ]
            if len(found) >= number or time.monotonic() > end:
                return found
            time.sleep(0.1)


def _value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
