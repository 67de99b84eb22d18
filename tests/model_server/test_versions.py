"""Versions that appear, disappear, break and are repaired during calls."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import get_model_status_pb2
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus

from facedetect.model_server.development_server import ModelServer, ServerAddress
from facedetect.model_server.versioned_model import VersionedModel
from tests.model_server.clients import Client, held_call, spec_of
from tests.model_server.conftest import Serve
from tests.model_server.models import move_in, move_out, write_warmup


def test_no_call_fails_while_a_version_is_swapped(
    serve: Serve, half_plus_two: Path, tmp_path: Path
) -> None:
    move_in(half_plus_two, tmp_path, 1)
    client = serve(tmp_path)
    is_over = threading.Event()
    all_have_called = threading.Barrier(9)

    def call() -> int:
        version, y = client.half_plus_two(1)
        assert y == 2.5
        return version

    def call_until_over() -> list[int]:
        seen = [call()]
        all_have_called.wait(120)
        while not is_over.is_set():
            seen.append(call())
        return [*seen, call()]  # the one before may have begun on the version before

    with ThreadPoolExecutor(8) as pool:
        callers = [pool.submit(call_until_over) for _ in range(8)]
        try:
            all_have_called.wait(120)
            move_in(half_plus_two, tmp_path, 2)
            client.wait_for({2: "AVAILABLE", 1: "END"})
            move_out(tmp_path, 2)
            client.wait_for({2: "END", 1: "AVAILABLE"})
        finally:
            is_over.set()
        answers = [caller.result() for caller in callers]
    for seen in answers:
        assert seen[0] == seen[-1] == 1
        assert 2 in seen


def test_calls_under_way_end_on_the_version_they_began_on(
    serve: Serve, half_plus_two: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    move_in(half_plus_two, folder, 1)
    client = serve(folder)
    with held_call(client, tmp_path) as held:
        move_in(half_plus_two, folder, 2)
        client.wait_for({2: "AVAILABLE", 1: "UNLOADING"})
        assert client.half_plus_two(1)[0] == 2
        assert not held.answer.done()
        assert held.let_go().model_spec.version.value == 1
    client.wait_for({2: "AVAILABLE", 1: "END"})


def test_a_call_past_its_deadline_does_not_keep_its_version(
    serve: Serve, half_plus_two: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "m"
    move_in(half_plus_two, folder, 1)
    client = serve(folder)
    client.half_plus_two(1)  # connects, so that the next call is under way at its deadline
    with held_call(client, tmp_path, timeout_s=2) as held:
        # From the client or TensorFlow, whichever notices first.
        with pytest.raises(grpc.RpcError, match=r"StatusCode\.DEADLINE_EXCEEDED"):
            held.answer.result()
        move_in(half_plus_two, folder, 2)
        client.wait_for({2: "AVAILABLE", 1: "END"})


def test_a_broken_version_ends_with_its_error_and_is_mended_under_another_number(
    serve: Serve, half_plus_two: Path, tmp_path: Path
) -> None:
    move_in(half_plus_two, tmp_path, 1)
    client = serve(tmp_path)
    broken = tmp_path / "2"
    broken.mkdir()
    (broken / "saved_model.pb").write_bytes((half_plus_two / "saved_model.pb").read_bytes()[:50])
    client.wait_for({2: "END", 1: "AVAILABLE"})
    (status,) = client.statuses(spec_of(version=2))
    assert status.status.error_code != 0
    assert status.status.error_message
    assert client.half_plus_two(1) == (1, 2.5)
    shutil.copytree(half_plus_two, broken, dirs_exist_ok=True)
    move_in(half_plus_two, tmp_path, 3)
    client.wait_for({3: "AVAILABLE", 2: "END", 1: "END"})
    assert client.statuses(spec_of(version=2)) == [status], "not tried again"


def test_only_the_versions_named_are_served(
    serve: Serve, half_plus_two: Path, tmp_path: Path
) -> None:
    for version in (1, 2, 3):
        move_in(half_plus_two, tmp_path, version)
    client = serve(tmp_path, policy={1, 3}.intersection)
    assert client.states() == {3: "AVAILABLE", 1: "AVAILABLE"}
    move_out(tmp_path, 3)
    client.wait_for({3: "END", 1: "AVAILABLE"})


def test_an_empty_folder_waits_for_its_first_version(
    serve: Serve, half_plus_two: Path, tmp_path: Path
) -> None:
    client = serve(tmp_path)
    assert client.states() == {}
    with pytest.raises(grpc.RpcError, match="Servable not found"):
        client.half_plus_two(1)
    move_in(half_plus_two, tmp_path, 1)
    client.wait_for({1: "AVAILABLE"})
    assert client.half_plus_two(1) == (1, 2.5)


def test_ports_stay_closed_until_a_version_is_available_if_asked(
    half_plus_two: Path, tmp_path: Path
) -> None:
    server = ModelServer([VersionedModel("m", tmp_path)], ServerAddress(port=0, rest_port=0))
    stop = threading.Event()
    client = Client(server.port)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(server.start, wait=stop)
        with pytest.raises(grpc.RpcError) as caught:
            client.models.GetModelStatus(
                get_model_status_pb2.GetModelStatusRequest(model_spec=spec_of()), timeout=1.5
            )
        assert caught.value.code() is not grpc.StatusCode.NOT_FOUND
        assert not started.done()
        move_in(half_plus_two, tmp_path, 1)
        started.result()
    assert client.half_plus_two(1) == (1, 2.5)
    client.channel.close()
    server.stop()


def test_waiting_for_a_version_ends_with_the_server(tmp_path: Path) -> None:
    server = ModelServer([VersionedModel("m", tmp_path)], ServerAddress(port=0, rest_port=0))
    stop = threading.Event()
    stop.set()
    server.start(wait=stop)
    server.stop()


def test_a_folder_that_is_gone_changes_nothing(
    serve: Serve, half_plus_two: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    move_in(half_plus_two, folder, 1)
    client = serve(folder)
    folder.rename(tmp_path / "elsewhere")
    time.sleep(1.5)
    assert client.half_plus_two(1) == (1, 2.5)


def test_warmup_records_are_run_before_a_version_is_served(
    serve: Serve, half_plus_two: Path, tmp_path: Path
) -> None:
    write_warmup(move_in(half_plus_two, tmp_path, 1), np.array([1], np.float32))
    write_warmup(move_in(half_plus_two, tmp_path, 2), np.array([1], np.int32))
    client = serve(tmp_path, policy=set)
    failed, served = client.statuses()
    assert served.state == ModelVersionStatus.AVAILABLE
    assert failed.state == ModelVersionStatus.END
    assert failed.status.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "Expects x to be float32 but int32 is provided" in failed.status.error_message
