"""docker-compose.yml as a whole: valid, strict, and with a service for every stage."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.stages import STAGES
from tests.containers.conftest import run
from tests.project import ROOT

pytestmark = pytest.mark.containers

STAYS = {"tensorboard", "web", "jupyter"}
SHELLS = {"odapi", "toco", "tfjs_image", "pipeline"}
STAYS_AND_WRITES = {"jupyter": ["/home/oceanus/output/notebooks"]}
WRITES_INPUT = {"dataset", "records", "pretrained"}
DOWNLOADS = {"pretrained"}


@pytest.fixture(scope="module")
def services(engine: dict[str, str]) -> dict[str, Any]:
    return configured(engine, "docker-compose.yml")


def configured(engine: dict[str, str], *files: str) -> dict[str, Any]:
    """Return the services as `docker compose` understands the files."""
    flags = [word for file in files for word in ("-f", file)]
    done = run("docker", "compose", *flags, "--profile", "jobs", "config", "--format", "json", cwd=ROOT, env=engine)
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])["services"]
    return found


def test_every_stage_has_a_service_in_its_image(services: dict[str, Any]) -> None:
    found = {name: services[name]["image"] for name in STAGES}
    assert found == {name: f"odpipe-test-{stage.IMAGE}:latest" for name, stage in STAGES.items()}


def test_only_a_download_has_a_network_and_no_job_privileges_or_other_outputs(services: dict[str, Any]) -> None:
    for name in set(services) - STAYS - SHELLS:
        service = services[name]
        assert service["network_mode"] == ("bridge" if name in DOWNLOADS else "none"), name
        assert service["cap_drop"] == ["ALL"] and service["cap_add"] == ["SETUID", "SETGID"], name
        assert service["security_opt"] == ["no-new-privileges:true"] and service["read_only"], name
        writable = {mount["target"] for mount in service["volumes"] if not mount.get("read_only")}
        allowed = {"/home/oceanus/output"} | ({"/home/oceanus/input"} if name in WRITES_INPUT else set())
        assert writable <= allowed, name


def test_everything_is_mounted_under_home_oceanus_and_no_docker_socket(services: dict[str, Any]) -> None:
    targets = {mount["target"] for service in services.values() for mount in service["volumes"]}
    assert {target for target in targets if not target.startswith("/home/oceanus")} == set()


@pytest.mark.parametrize("name", sorted(STAYS))
def test_what_stays_listens_on_this_machine_only_and_writes_no_run(services: dict[str, Any], name: str) -> None:
    assert [port["host_ip"] for port in services[name]["ports"]] == ["127.0.0.1"]
    writable = [mount["target"] for mount in services[name]["volumes"] if not mount.get("read_only")]
    assert writable == STAYS_AND_WRITES.get(name, [])
    assert "healthcheck" in services[name]


def test_only_the_gpu_file_reserves_a_gpu(engine: dict[str, str], services: dict[str, Any]) -> None:
    assert not any("deploy" in service for service in services.values())
    with_gpu = configured(engine, "docker-compose.yml", "dockerfiles/gpu.compose.yml")
    reserving = {name for name, service in with_gpu.items() if "deploy" in service}
    assert reserving == {"odapi", "train", "freeze", "evaluate_tensorflow"}


def test_compose_alone_starts_no_job(engine: dict[str, str]) -> None:
    done = run("docker", "compose", "config", "--services", cwd=ROOT, env=engine)
    assert set(done.stdout.split()) == SHELLS
