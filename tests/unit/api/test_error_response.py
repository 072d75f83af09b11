"""Every error has one shape, whoever raised it: vLLM's handlers and ours, as in the server."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from aiohttp import ClientConnectionError
from fastapi import Body, Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.testclient import TestClient
from pydantic import BaseModel
from vllm.entrypoints.serve.exception_handling.register import init_exception_handler
from vllm.entrypoints.serve.middleware.authenticate import AuthenticationMiddleware
from vllm.entrypoints.serve.utils.api_utils import validate_json_request
from vllm.exceptions import VLLMValidationError

from arrol_serve.api.error_response import install
from arrol_serve.errors import DeadlineExceeded, InvalidRequest, Overloaded


class Ask(BaseModel):
    messages: list[str]
    stop: str | list[int] | None = None


FAILURES: dict[str, Exception] = {
    "ours": InvalidRequest("No.", param="arrol.samples"),
    "full": Overloaded("Busy.", retry_after_s=7),
    "late": DeadlineExceeded("Too late.", param="arrol.deadline_s"),
    "vllm": VLLMValidationError("Bad.", parameter="top_logprobs"),
    "long": ValueError("This model's maximum context length is 512 tokens."),
    "http": HTTPException(404, "gone"),
    "crash": KeyError("/root/secret.py"),
    "bug": RuntimeError("/root/secret.py"),
    "host": ClientConnectionError("Cannot connect to host example.org:443"),
    "local": RuntimeError("Cannot load local files without `--allowed-local-media-path`."),
}


def make_app() -> FastAPI:
    app = FastAPI()
    app.state.args = Namespace(log_error_stack=False)

    @app.post("/v1/ask", dependencies=[Depends(validate_json_request)])
    async def ask(body: Ask) -> Any:
        return body

    @app.post("/v1/fail/{how}")
    async def fail(how: str) -> Any:
        raise FAILURES[how]

    @app.post("/v1/answered")
    async def answered(status: int, body: Annotated[Any, Body()]) -> Any:
        return JSONResponse(body, status_code=status)

    @app.get("/v1/stream")
    async def stream() -> Any:
        async def events() -> AsyncIterator[str]:
            yield 'data: {"choices": []}\n\n'
            yield 'data: {"error": {"message": "Died.", "type": "X", "code": 500}}\n\n'
            yield "data: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    init_exception_handler(app)
    app.add_middleware(AuthenticationMiddleware, tokens=["key"])
    app.middleware_stack = app.build_middleware_stack()  # as vLLM's SageMaker layer does
    install(app)
    return app


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(
        make_app(), headers={"authorization": "Bearer key"}, raise_server_exceptions=False
    )


def error_of(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-length"] == str(len(response.content))
    body = response.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["code"], str)
    assert "Traceback" not in error["message"]
    return error


@pytest.mark.parametrize(
    ("how", "status", "kind", "param", "code"),
    [
        ("ours", 400, "invalid_request_error", "arrol.samples", "invalid_value"),
        ("full", 429, "rate_limit_error", None, "overloaded"),
        ("late", 504, "timeout_error", "arrol.deadline_s", "deadline_exceeded"),
        ("vllm", 400, "invalid_request_error", "top_logprobs", "invalid_value"),
        ("long", 400, "invalid_request_error", None, "context_length_exceeded"),
        ("http", 404, "invalid_request_error", None, "not_found"),
        ("crash", 500, "server_error", None, "internal_error"),
        ("bug", 500, "server_error", None, "internal_error"),
        ("host", 400, "invalid_request_error", None, "media_not_fetched"),
        ("local", 400, "invalid_request_error", None, "invalid_value"),
    ],
)
def test_raised_errors(
    client: TestClient, how: str, status: int, kind: str, param: str | None, code: str
) -> None:
    error = error_of(client.post(f"/v1/fail/{how}"), status)
    assert (error["type"], error["param"], error["code"]) == (kind, param, code)
    assert "secret" not in error["message"]


def test_retry_after(client: TestClient) -> None:
    assert client.post("/v1/fail/full").headers["retry-after"] == "7"
    queued = {"error": {"message": "full", "type": "Service Unavailable", "code": 503}}
    response = client.post("/v1/answered?status=503", json=queued)
    assert error_of(response, 503)["code"] == "overloaded"
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("content", "kind", "param", "code", "says"),
    [
        ("{", "application/json", None, "invalid_json", "not valid JSON"),
        ("{}", "application/json", "messages", "invalid_value", "messages: Field required"),
        ('{"messages": [1]}', "application/json", "messages.0", "invalid_value", "valid string"),
        (
            '{"messages": [], "stop": {}}',
            "application/json",
            "stop",
            "invalid_value",
            "valid string / Input should be a valid list",
        ),
        ("[]", "application/json", None, "invalid_value", "valid dictionary"),
        ("{}", "text/plain", None, "invalid_value", "application/json"),
    ],
)
def test_bodies_that_do_not_validate(
    client: TestClient, content: str, kind: str, param: str | None, code: str, says: str
) -> None:
    response = client.post("/v1/ask", content=content, headers={"content-type": kind})
    error = error_of(response, 400)
    assert (error["param"], error["code"]) == (param, code)
    assert says in error["message"]


def test_a_missing_model_a_missing_route_and_a_wrong_method(client: TestClient) -> None:
    gone = {"error": {"message": "No `x`.", "type": "NotFoundError", "param": "model", "code": 404}}
    error = error_of(client.post("/v1/answered?status=404", json=gone), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert error_of(client.get("/v1/nowhere"), 404)["code"] == "not_found"
    response = client.get("/v1/ask")
    assert error_of(response, 405)["code"] == "method_not_allowed"
    assert response.headers["allow"] == "POST"


def test_a_wrong_key(client: TestClient) -> None:
    response = client.get("/v1/stream", headers={"authorization": "Bearer wrong"})
    error = error_of(response, 401)
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
    assert "Authorization: Bearer" in error["message"]


def test_tracebacks_and_422_never_reach_a_client(client: TestClient) -> None:
    bad = {"error": {"message": "x\nTraceback (most recent call last):\n y", "code": 500}}
    assert "log" in error_of(client.post("/v1/answered?status=500", json=bad), 500)["message"]
    assert error_of(client.post("/v1/answered?status=422", json={"detail": "no"}), 400)


def test_an_error_in_a_stream_and_success_as_it_is(client: TestClient) -> None:
    text = client.get("/v1/stream").text
    assert '"code": "internal_error"' in text
    assert text.startswith('data: {"choices": []}\n\n')
    assert text.endswith("data: [DONE]\n\n")
    ok = client.post("/v1/ask", json={"messages": ["a"]})
    assert (ok.status_code, ok.json()["messages"]) == (200, ["a"])
