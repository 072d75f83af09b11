"""A hub on this machine, over HTTP: what huggingface_hub calls to make a repository and commit to it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

TOKEN = "hf_of_someone"  # noqa: S105 - of nobody
Reply = tuple[int, dict[str, Any]]


@dataclass
class Hub:
    """Its state. Owner of all repositories is ``someone``."""

    url: str = ""
    private: dict[str, bool] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """By repository and path."""
    large: dict[str, bytes] = field(default_factory=dict)
    """Uploaded apart from commits, by SHA-256."""
    full: bool = False
    """No more large files are taken."""
    asked: list[str] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Of a process that pushes here, its large files by LFS: Xet's storage is another service."""
        mine = {"HF_ENDPOINT": self.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1"}
        return {**os.environ, **mine, "HF_HUB_OFFLINE": "0"}

    def answer(self, path: str, body: bytes) -> Reply:
        self.asked.append(path)
        if path == "/api/whoami-v2":
            return 200, {"type": "user", "name": "someone", "orgs": []}
        if path == "/api/repos/create":
            return self._create(**json.loads(body))
        if path == "/api/validate-yaml":
            header = json.loads(body)["content"].split("---")[1]
            said = yaml.safe_load(header)
            assert set(said) >= {"library_name", "tags"}
            return 200, {"errors": [], "warnings": []}
        if found := re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path):
            return self._batch(json.loads(body)["objects"])
        if found := re.fullmatch(r"/lfs/(\w+)", path):
            assert hashlib.sha256(body).hexdigest() == found[1]
            self.large[found[1]] = body
            return 200, {}
        if found := re.fullmatch(r"/api/models/(.+)/(preupload|commit)/main", path):
            act = self._preupload if found[2] == "preupload" else self._commit
            return act(found[1], body)
        return 404, {"error": "Repository not found"}

    def _create(
        self, name: str, organization: str | None = None, visibility: str = "public", **_: Any
    ) -> Reply:
        if organization != "someone":
            return 403, {
                "error": f"You don't have the rights to create a model under {organization}"
            }
        place = f"{organization}/{name}"
        made = {"url": f"{self.url}/{place}", "id": place}
        if place in self.private:
            return 409, {"error": "You already created this model repo", **made}
        self.private[place], self.files[place] = visibility == "private", {}
        return 200, made

    def _preupload(self, _: str, body: bytes) -> Reply:
        """As git attributes of new repositories have it: weights and pictures are large."""
        files = json.loads(body)["files"]
        modes = [
            {"path": f["path"], "shouldIgnore": False, "uploadMode":
             "lfs" if f["path"].endswith((".safetensors", ".png")) else "regular"}
            for f in files
        ]  # fmt: skip
        return 200, {"files": modes}

    def _batch(self, objects: list[dict[str, Any]]) -> Reply:
        if self.full:
            return 413, {"error": "No room is left"}
        links = [
            {**o, "actions": {"upload": {"href": f"{self.url}/lfs/{o['oid']}"}}} for o in objects
        ]
        return 200, {"transfer": "basic", "objects": links}

    def _commit(self, place: str, body: bytes) -> Reply:
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                self.files[place][value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.files[place][value["path"]] = self.large[value["oid"]]
        commit = hashlib.sha1(body, usedforsecurity=False).hexdigest()
        return 200, {"commitUrl": f"{self.url}/{place}/commit/{commit}", "commitOid": commit}


def contents(folder: Path) -> dict[str, bytes]:
    """As ``Hub.files`` has a repository's."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@contextmanager
def hub_server() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = 401, {"error": "Invalid username or password."}
            path = self.path.partition("?")[0]
            uploads = path.startswith("/lfs/")  # signed addresses need no token
            if uploads or self.headers.get("Authorization") == f"Bearer {TOKEN}":
                status, said = hub.answer(path, body)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            server.shutdown()
