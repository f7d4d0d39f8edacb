"""The units under a real systemd: one boot plays every scene of ``inside.py``, in about 15 s."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge.host.install import uninstall
from tests.systemd.booting import boot, overlay, prepare, why_no_boot, without_pip

pytestmark = pytest.mark.skipif(bool(why_no_boot()), reason=why_no_boot() or "can be booted here")

READ_ONLY = "Read-only file system"
HIDDEN = "Permission denied"


@dataclass(frozen=True)
class Booted:
    """How the scenes went, and the files that the system left behind."""

    scenes: dict[str, Any]
    root: Path

    def scene(self, name: str) -> dict[str, Any]:
        scene = self.scenes[name]
        assert "error" not in scene, scene["error"]
        return dict(scene)


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    with overlay(tmp_path_factory.mktemp("boot")) as root:
        prepare(root)
        yield Booted(boot(root), root)


@pytest.fixture
def inspecting(booted: Booted) -> dict[str, Any]:
    return booted.scene("inspects")


def test_the_service_is_ready_when_it_says_so(inspecting: dict[str, Any]) -> None:
    assert (inspecting["ActiveState"], inspecting["NRestarts"]) == ("active", "0")
    assert inspecting["StatusText"] == "inspecting, as it should"


def test_it_stops_within_its_time(inspecting: dict[str, Any]) -> None:
    stopped = inspecting["stopped"]
    assert (stopped["ActiveState"], stopped["Result"]) == ("inactive", "success")


def test_it_runs_as_nobody_in_particular(inspecting: dict[str, Any]) -> None:
    assert inspecting["uid"] not in (0, 65534)
    assert set(inspecting["groups' names"]) == {"edge", "video", "render"}
    assert inspecting["capabilities"] == "0" * 16
    assert inspecting["no_new_privileges"] == "1"
    assert inspecting["core_limit"] == 0


def test_it_writes_in_its_own_folders_and_nowhere_else(inspecting: dict[str, Any]) -> None:
    assert set(inspecting["forbidden"].values()) <= {READ_ONLY, HIDDEN}
    assert inspecting["models"] == "done"
    assert inspecting["runtime"] == "done"
    assert inspecting["folder"] == "/var/lib/edge"
    assert inspecting["umask"] == 0o027
    assert inspecting["state folder"] == "0o40750"


def test_only_it_can_read_the_cameras_passwords(inspecting: dict[str, Any]) -> None:
    assert inspecting["secret"] == "line-1=hunter2"
    assert inspecting["secret's source"] == HIDDEN
    assert inspecting["secret's mode"] == "0o100600"
    assert HIDDEN in inspecting["secret for others"]


def test_the_configuration_is_roots_and_the_service_may_read_it(
    inspecting: dict[str, Any],
) -> None:
    assert (inspecting["config's mode"], inspecting["config's group"]) == ("0o100640", "edge")


def test_it_reaches_the_daemon_of_csi_cameras(inspecting: dict[str, Any]) -> None:
    assert inspecting["argus"] == "done"


def test_it_opens_no_device_but_those_named(inspecting: dict[str, Any]) -> None:
    if inspecting["device that is not allowed"] == "done":
        pytest.skip("this container has no control over devices (no cgroup for them)")
    assert inspecting["device that is not allowed"] == "Operation not permitted"


def test_without_inferences_it_is_killed_and_started_again(booted: Booted) -> None:
    hung = booted.scene("hangs")
    assert (hung["ActiveState"], hung["NRestarts"]) == ("active", "1")
    assert "Watchdog timeout" in hung["log"]
    assert "Fatal Python error: Aborted" in hung["log"], "where it hung is in the journal"


def test_after_the_start_limit_it_is_given_another_round(booted: Booted) -> None:
    crashed = booted.scene("crashes")
    assert "Start request repeated too quickly" in crashed["log"]
    assert (crashed["ActiveState"], crashed["starts"]) == ("active", 7)


def test_a_bad_configuration_is_not_tried_again(booted: Booted) -> None:
    refused = booted.scene("refuses")
    assert (refused["ActiveState"], refused["ExecMainStatus"]) == ("failed", "78")
    assert (refused["starts"], refused["NRestarts"]) == (1, "0")
    assert refused["recovery"]["Result"] == "exec-condition"


def test_a_start_that_says_so_may_take_longer(booted: Booted) -> None:
    assert booted.scene("starts_slowly")["StatusText"] == "inspecting, slow start"


def test_one_that_does_not_listen_is_killed_with_its_children_and_stays_down(
    booted: Booted,
) -> None:
    deaf = booted.scene("is_deaf")
    assert (deaf["ActiveState"], deaf["Result"], deaf["left"]) == ("failed", "timeout", "")
    assert deaf["recovery"]["Result"] == "exec-condition", "a person had stopped it"


def test_a_recalibration_gets_what_the_line_leaves_over(booted: Booted) -> None:
    recalibrated = booted.scene("recalibrates")
    assert recalibrated["Result"] == "success"
    assert (recalibrated["nice"], recalibrated["batch"]) == (19, True)
    assert recalibrated["oom_score_adj"] == 900
    assert recalibrated["models"] == "done"
    assert recalibrated["secret"] is None
    assert recalibrated["secret's source"] == HIDDEN
    assert set(recalibrated["forbidden"].values()) <= {READ_ONLY, HIDDEN}


def test_edge_itself_inspects_under_this_unit(booted: Booted) -> None:
    real = booted.scene("is_real")
    if why := real.get("skipped"):
        pytest.skip(why)
    assert (real["ActiveState"], real["NRestarts"]) == ("active", "0")
    assert real["frames"][0]["camera"] == "line-1"
    assert real["health"]
    assert (real["stopped"]["ActiveState"], real["stopped"]["Result"]) == ("inactive", "success")


def test_a_reload_takes_the_edited_configuration_or_tells_why_not(booted: Booted) -> None:
    real = booted.scene("is_real")
    if why := real.get("skipped"):
        pytest.skip(why)
    reloaded = real["reloaded"]
    assert reloaded["same process"]
    assert (reloaded["ActiveState"], reloaded["NRestarts"]) == ("active", "0")
    assert "did you mean 'uri'" in reloaded["StatusText"]
    assert real["frames"][-1]["camera"] == "line-2"
    assert "did you mean 'uri'" in real["health"]["warnings"]["configuration"]


def test_uninstalling_for_real_keeps_what_was_made_and_nothing_else(booted: Booted) -> None:
    told = list(uninstall(booted.root, run=without_pip))
    ours = [
        path for folder in ("etc", "opt/edge") for path in (booted.root / folder).rglob("*edge*")
    ]
    left = {str(path.relative_to(booted.root)) for path in ours if path.is_file()}
    stand_ins = {"opt/edge/bin/edge", "opt/edge/bin/real-edge"}  # in no environment of ours
    assert left - stand_ins <= {"etc/edge/edge.yaml"}, "and that only where a scene edited it"
    assert "kept /var/lib/edge (--purge removes it)" in told
    assert "kept /etc/edge/camera-secrets (--purge removes it)" in told
