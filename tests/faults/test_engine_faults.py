"""Engine and GPU faults 19 to 32 of the reliability notes (A3), each provoked.

Which test stands for which number is said by ``FAULTS`` in ``tests/faults/catalogue.py``. Bundles,
links, state and the parts of the service are real; TensorRT and CUDA are the stand-ins of
``tests/engine``, and a line is that of ``tests/test_keeper.py``: its time is moved by hand.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from edge import live
from edge.app import keeping
from edge.app.heart import Heart
from edge.app.keeping import starting
from edge.app.machine import Machine
from edge.app.serving import Guarded, Serving
from edge.calibrate import Ladder
from edge.core.build import Precision
from edge.core.config import DetectConfig
from edge.core.errors import DataError, EdgeError, UnavailableError
from edge.core.gate import Gate
from edge.core.service import Conditions, ServiceState
from edge.core.types import Detections, Frame, Size
from edge.detect import CpuDetector
from edge.engine import open_engine
from edge.engine.build_process import run_build
from edge.engine.cuda import first_gpu
from edge.engine.gpu_nodes import refused
from edge.engine.tensorrt_engine import TensorRtEngine
from edge.host.crashes import CrashGuard
from edge.host.state import StateStore
from edge.sinks.overview import Overview
from tests.engine import fake_pycuda, fake_tensorrt
from tests.engine.bundles import fields
from tests.engine.models import COLOURS, Shape, colour_model, constant_model
from tests.engine.test_build_process import CHILD, request
from tests.fakes import FakeDetector, FakeFeed, ListSink, a_frame, one_box
from tests.faults.plant import Plant
from tests.host.orin import an_orin
from tests.test_calibrate import COLLAPSED, REFERENCE_MAP, Workshop, every_int8
from tests.test_heart import Hand, Told
from tests.test_keeper import RIGHT, WRONG, Line, proven

NAMES: tuple[str, ...] = ("red", "green", "blue")


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> fake_pycuda.Driver:
    driver = fake_pycuda.install(monkeypatch)
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt)
    return driver


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    return Plant(tmp_path, monkeypatch)


def missing(engine: Path) -> None:
    engine.unlink()


def empty(engine: Path) -> None:
    engine.write_bytes(b"")


def truncated(engine: Path) -> None:
    engine.write_bytes(engine.read_bytes()[:-7])


def flipped(engine: Path) -> None:
    content = bytearray(engine.read_bytes())
    content[len(content) // 2] ^= 1
    engine.write_bytes(content)


def appended(engine: Path) -> None:
    engine.write_bytes(engine.read_bytes() + b"\0")


@pytest.mark.parametrize("damage", [missing, empty, truncated, flipped, appended])
def test_19_a_damaged_engine_file(
    plant: Plant, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = plant.publish(), plant.publish()
    damage(bad / "model.onnx")
    loaded: list[Path] = []

    def watched(bundle: Path, *arguments: Any) -> Any:
        serving = Serving(bundle, *arguments)
        loaded.append(bundle)
        return serving

    monkeypatch.setattr(keeping, "Serving", watched)
    name, (told,) = plant.start()
    assert name == good.name
    assert loaded == [good], "nothing of the damaged one was ever loaded"
    assert "model.onnx" in told
    assert plant.current == good.name
    assert plant.start() == (good.name, [told]), "and it is not tried again: no crash loop"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"runtime_version": "9.9"}, r"'9.9', but this machine has '1\."),
        ({"gpu": "Orin"}, "GPU 'Orin', but this machine has 'none'"),
        ({"compute_capability": "8.7"}, "'8.7', but this machine has 'none'"),
        ({"runtime": "tensorrt"}, "PyCUDA|runtime 'tensorrt'|the GPU"),
    ],
    ids=["another version", "another GPU", "another SM", "another runtime"],
)
def test_20_an_engine_of_another_machine(plant: Plant, changes: dict[str, str], says: str) -> None:
    good = plant.publish()
    machine = {**fields()["machine"], **changes}
    plant.publish(machine=machine)
    name, (told,) = plant.start()
    assert name == good.name
    assert re.search(says, told)


@pytest.mark.parametrize("part", ["deserialize_cuda_engine", "create_execution_context"])
@pytest.mark.usefixtures("gpu")
def test_21_tensorrt_answers_nothing(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = fake_tensorrt.Runtime if part.startswith("des") else fake_tensorrt._Engine
    monkeypatch.setattr(owner, part, lambda *_arguments, **_options: None)
    plan = colour_model().SerializeToString()
    with pytest.raises(EdgeError) as refusal:
        TensorRtEngine(plan, labels=NAMES, precision=Precision.INT8)
    assert isinstance(refusal.value, DataError | UnavailableError)


def corrupt() -> bytes:
    return bytes(colour_model().SerializeToString()[:200])


def of_another_opset() -> bytes:
    return bytes(colour_model(opset=99).SerializeToString())


def weights_elsewhere() -> bytes:
    model = colour_model()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return bytes(model.SerializeToString())


def a_bomb() -> bytes:
    """A few bytes that want 400 GB: an output of 10^11 zeros."""
    model = constant_model(np.zeros((1, 7, 21), np.float32), metadata={"names": COLOURS})
    shape = helper.make_tensor("huge", onnx.TensorProto.INT64, [3], [1, 7, 15_000_000_000])
    node = helper.make_node("ConstantOfShape", ["huge"], ["output0"])
    model.graph.initializer.append(shape)
    model.graph.node[0].CopyFrom(node)
    return bytes(model.SerializeToString())


def of_two_inputs() -> bytes:
    inputs: dict[str, Shape] = {"a": (1, 3, 64, 64), "b": (1,)}
    return bytes(
        constant_model(np.zeros((1, 7, 21), np.float32), inputs=inputs).SerializeToString()
    )


def colours_last() -> bytes:
    inputs: dict[str, Shape] = {"images": (1, 64, 64, 3)}
    return bytes(
        constant_model(np.zeros((1, 7, 21), np.float32), inputs=inputs).SerializeToString()
    )


def of_other_classes() -> bytes:
    head = np.zeros((1, 9, 21), np.float32)
    return bytes(constant_model(head, metadata={"names": COLOURS}).SerializeToString())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (corrupt, "no ONNX model|truncated|damaged|Copy or export it again"),
        (of_another_opset, "opset"),
        (weights_elsewhere, "lie in another file"),
        (a_bomb, "cannot be run"),
        (of_two_inputs, "has 2 inputs"),
        (colours_last, "colours last"),
        (of_other_classes, "has 5 classes .* names 3"),
    ],
)
def test_22_an_onnx_file_that_is_no_model_for_us(
    tmp_path: Path, content: Callable[[], bytes], says: str
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content())
    with pytest.raises(DataError, match=says):
        open_engine(path)


class Answers:
    """An engine that always gives this head."""

    description = "scripted"
    labels = NAMES
    input_size = Size(64, 64)

    def __init__(self, head: NDArray[np.float32]) -> None:
        self._head = head

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._head

    def close(self) -> None:
        """Nothing to let go of."""


def head(value: float) -> NDArray[np.float32]:
    answer = np.full((1, 7, 8400), value, np.float32)
    answer[0, :4] = np.array([[32], [32], [8], [8]])
    return answer


@pytest.mark.parametrize("value", [np.nan, np.inf, 4.0], ids=["NaN", "infinite", "scores above 1"])
def test_23_an_output_that_is_none(tmp_path: Path, value: float) -> None:
    line = Line(tmp_path)
    serving = proven(line)
    guarded = Guarded(CpuDetector(Answers(head(value))), FakeDetector(one_box()))
    assert len(guarded(a_frame())) == 1, "the fallback inspects this very frame"
    serving.fault = guarded.fault
    line.inspect(1)
    assert line.switch._detector is serving.fallback
    assert ServiceState.FALLBACK in line.conditions.reasons()

    crowd = head(0.9)
    crowd[0, 0] = np.linspace(4, 60, 8400)
    crowd[0, 2:4] = 0.004  # 8400 boxes that do not overlap
    found = CpuDetector(Answers(crowd), DetectConfig(max_boxes=300))(a_frame())
    assert len(found) == 300
    assert len(CpuDetector(Answers(head(0.0)))(a_frame())) == 0, "zeros are: nothing found"


def test_24_int8_finds_nothing(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    workshop.scores, workshop.blocks = every_int8(COLLAPSED), ()
    outcome = Ladder(workshop.steps(), Gate(), REFERENCE_MAP).descend("int8")
    assert outcome.chosen is None, "the gate refuses before anything is activated"
    assert all("agreement at IoU 0.50 is 0.0200" in rung.reason for rung in outcome.ladder)

    line = Line(tmp_path)
    first, _ = proven(line), line.publish(WRONG)
    line.inspect(40)
    assert line.switch._detector is first.detector, "one put in by hand fails its trial"


def test_25_accuracy_decays_slowly(line: Line) -> None:
    first = proven(line)
    random = np.random.default_rng(1)
    fallen: list[int] = []
    for number in range(400):
        misses = random.random() < number / 400
        first.detector._found = Detections.none() if misses else RIGHT
        line.inspect(1)
        if line.switch._detector is first.fallback:
            fallen.append(number)
    assert fallen, "it was left"
    assert fallen == list(range(fallen[0], 400)), "once, without flapping"
    assert [event.kind for event in line.store.history()].count("fallback") == 1


def test_26_both_engines_are_bad(line: Line) -> None:
    first = proven(line)
    first.canaries = first.fallback_canaries
    first.detector._found = first.fallback._found = WRONG  # type: ignore[union-attr]
    for _ in range(2):
        line.clock.time += line.settings.canaries_s
        line.keeper.step()
    assert "canary images get another answer" in line.conditions.reasons()[ServiceState.FAULTED]

    nonsense = CpuDetector(Answers(head(np.nan)))
    sink = ListSink()
    with pytest.raises(DataError, match="not inspected"):
        live.run([a_frame(0)], Guarded(nonsense, nonsense), [sink])
    assert sink.seen == [], "never: inspected and nothing found"


def test_27_out_of_memory(tmp_path: Path, gpu: fake_pycuda.Driver, line: Line) -> None:
    lines: list[str] = []
    with pytest.raises(UnavailableError, match=r"out of memory.*SIGKILL.*Nothing was published"):
        run_build(request(tmp_path, "killed"), child=CHILD, progress=lines.append)
    assert [text for text in lines if "once more" in text] == [
        "out of memory: once more with a workspace of 4 MiB"
    ]
    result = run_build(request(tmp_path, "roomy"), child=CHILD)
    assert result.plan_bytes == 11, "with less it succeeds"

    gpu.memory = 1000
    with pytest.raises(UnavailableError, match="too little memory"):
        TensorRtEngine(colour_model().SerializeToString(), labels=NAMES, precision=Precision.INT8)

    first, second = proven(line), line.publish()
    line.refusals[second.name] = UnavailableError("the GPU has too little memory")
    line.inspect(1)
    assert line.switch._detector is first.detector, "what runs goes on"


def test_28_a_cuda_error_that_sticks(plant: Plant) -> None:
    plant.publish()
    gone = UnavailableError("the GPU failed: an illegal memory access was encountered")
    for _ in range(5):
        with pytest.raises(UnavailableError):
            plant_fails(plant, gone)
    store = StateStore(plant.folder / "state" / "state.db")
    with closing(store):
        guard = CrashGuard(store)
        guard.begin()
        assert guard.crashes == 5, "each counts, and systemd starts it anew"
        assert guard.safe_mode
    assert gone.exit_code not in (0, 78), "78 alone is not started again"


def plant_fails(plant: Plant, error: EdgeError) -> None:
    config = plant.config
    assert config.model
    with starting(config, config.model, Conditions()) as start, closing(start.serving):
        raise error


def test_29_the_gpu_hangs() -> None:
    clock, told = Hand(), Told()
    overview = Overview(clock, Conditions())
    feed = FakeFeed([a_frame(0), a_frame(1)])
    heart = Heart(told, overview, [feed], lambda _: None, clock)
    hanging, release = threading.Event(), threading.Event()

    class Hangs(FakeDetector):
        def __call__(self, frame: Frame) -> Detections:
            if frame.index == 1:
                hanging.set()
                assert release.wait(60)
            return super().__call__(frame)

    loop = threading.Thread(
        target=live.run, args=(live.Lockstep([feed]), Hangs(), [overview], heart.alive)
    )
    loop.start()
    assert hanging.wait(60)
    heart.beat()
    told.said.clear()
    for _ in range(20):
        clock.time += 1.0
        heart.beat()
    assert "alive" not in told.said, "systemd ends it by WatchdogSec"
    assert overview.health()["cameras"][0]["state"] == "stale"
    release.set()
    loop.join(60)


@pytest.mark.parametrize(
    ("changes", "about", "says"),
    [
        ({"sys/class/thermal/cooling_device2/cur_state": "3"}, "temperature", "slowed down"),
        ({"sys/class/thermal/thermal_zone0/temp": "97000"}, "temperature", "97.0 °C"),
        pytest.param(
            {"sys/class/thermal/cooling_device2/cur_state": "3"},
            "live view",
            "fewer pictures",
            marks=pytest.mark.xfail(
                strict=True, reason="nothing is given up for heat: the live view, then the watch"
            ),
        ),
    ],
    ids=["throttled", "hot", "the live view gives way first"],
)
def test_30_heat(tmp_path: Path, changes: dict[str, str], about: str, says: str) -> None:
    machine = Machine(tmp_path, None, an_orin(tmp_path, **changes))
    assert says in dict(machine.worries()).get(about, "")


def test_31_another_power_mode_than_the_bundle_was_measured_in(tmp_path: Path) -> None:
    root = an_orin(tmp_path)
    told = dict(Machine(tmp_path, "MAXN", root).worries())
    assert "measured in power mode MAXN, the board is in 15W" in told["power mode"]
    assert "power mode" not in dict(Machine(tmp_path, "15W", root).worries())


def test_32_a_node_of_the_gpu_that_this_user_may_not_open(
    tmp_path: Path, gpu: fake_pycuda.Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "nvmap"
    node.touch(mode=0o660)
    shutil.chown(node, group=os.getegid())
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != node)
    sentence = refused(tmp_path)
    assert sentence.startswith(f"{node} belongs to the group ")
    assert "usermod -aG" in sentence
    node.unlink()
    assert refused(tmp_path) == ""

    monkeypatch.setattr("edge.engine.cuda.refused", lambda: sentence)
    gpu.broken = True
    with pytest.raises(UnavailableError, match=r"the GPU cannot be used: .*belongs to the group"):
        first_gpu()
