"""The container and the manifests: linted, and consistent with how the server ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from arrol_serve.cli import GRACE_S

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
DOCKERFILE = ROOT / "Dockerfile"


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


def test_the_dockerfile_is_clean() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


def test_what_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    for line in DOCKERFILE.read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists()
                assert source not in ignored


WRITABLE = {"/home/arrol", "/home/arrol/cache", "/tmp", "/dev/shm"}
"""What a container with a read-only root needs besides; the image test runs it with no more."""


def test_the_install_script_refuses_an_unknown_engine(tmp_path: Path) -> None:
    script = [ROOT / "docker" / "install.sh", "tpu", tmp_path / "venv"]
    found = subprocess.run(script, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "cpu or cuda" in found.stderr
    assert not (tmp_path / "venv").exists()


def test_compose_gives_the_server_time_to_drain_and_restarts_it() -> None:
    (compose,) = documents(DEPLOY / "compose.yaml")
    server = compose["services"]["arrol-serve"]
    assert int(server["stop_grace_period"].removesuffix("s")) > GRACE_S
    assert server["restart"] == "on-failure"
    assert set(compose["services"]) == {"arrol-serve", "prometheus", "grafana"}
    for service in compose["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).exists()
    assert server["read_only"]
    # Docker mounts tmpfs without exec, where compiled kernels could not be loaded.
    assert server["tmpfs"] == ["/tmp:exec"]
    (prometheus,) = documents(DEPLOY / "prometheus.yaml")
    assert prometheus["scrape_configs"][0]["static_configs"][0]["targets"] == ["arrol-serve:8000"]


def test_kubernetes_probes_and_drains() -> None:
    found = [d for path in (DEPLOY / "kubernetes").glob("*.yaml") for d in documents(path)]
    kinds = {d["kind"]: d for d in found}
    pod = kinds["Deployment"]["spec"]["template"]
    (server,) = pod["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server[probe]["httpGet"] == {"path": "/health", "port": "http"}
    grace = int(server["args"][server["args"].index("--shutdown-timeout") + 1])
    pause = int(server["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["spec"]["terminationGracePeriodSeconds"] >= grace + pause + 20
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    assert server["resources"]["limits"]["nvidia.com/gpu"]
    assert (
        server["startupProbe"]["failureThreshold"] * server["startupProbe"]["periodSeconds"] >= 1800
    )
    labels = pod["metadata"]["labels"]
    assert kinds["Service"]["spec"]["selector"].items() <= labels.items()
    assert kinds["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    claims = [
        v["persistentVolumeClaim"]["claimName"]
        for v in pod["spec"]["volumes"]
        if "emptyDir" not in v
    ]
    assert claims == [kinds["PersistentVolumeClaim"]["metadata"]["name"]]


def test_kubernetes_downloads_first_and_writes_to_named_folders_alone() -> None:
    (deployment,) = documents(DEPLOY / "kubernetes" / "deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (download,) = pod["initContainers"]
    assert download["command"] == ["hf", "download", "$(MODEL)"]
    assert pod["containers"][0]["args"][0] == "$(MODEL)"
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in (download, *pod["containers"]):
        assert "MODEL" in {variable["name"] for variable in container["env"]}
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert {mount["mountPath"] for mount in container["volumeMounts"]} == WRITABLE
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
