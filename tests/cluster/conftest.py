"""A standalone Spark cluster on loopback: one master, two workers, started and stopped by the tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

WORKERS = 2
PATIENCE = 240
"""Seconds for the cluster to come up: a Java machine starts slowly beside other work."""


def _missing() -> str:
    if importlib.util.find_spec("pyspark") is None:
        return "Spark is not installed here: make test-cluster"
    return "" if shutil.which("java") else "Java is not installed here: make test-cluster"


def _free() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def master(tmp_path_factory):
    """The address of a cluster whose workers are alive."""
    if reason := _missing():
        pytest.skip(reason)
    home = Path(importlib.util.find_spec("pyspark").origin).parent
    room = tmp_path_factory.mktemp("spark")
    given = os.environ | {
        "SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable,
        "SPARK_WORKER_DIR": str(room / "work"), "SPARK_LOCAL_DIRS": str(room / "local"), "SPARK_NO_DAEMONIZE": "1",
    }  # fmt: skip
    port, page = _free(), _free()
    address = f"spark://127.0.0.1:{port}"
    log = (room / "log").open("wb")

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        command = [str(home / "bin" / "spark-class"), *arguments]
        return subprocess.Popen(command, env=given, stdout=log, stderr=log, cwd=room)

    deploy = "org.apache.spark.deploy"
    running = [
        start(f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page)),
        *(
            start(f"{deploy}.worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "1g",
                  "--webui-port", str(_free()), address)
            for _ in range(WORKERS)
        ),
    ]  # fmt: skip
    try:
        _await(page, running, room / "log")
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        yield address
    finally:
        _stop_session()
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(30)
        log.close()


def _await(page: int, running: list[subprocess.Popen[bytes]], log: Path) -> None:
    """Wait until the master's page counts every worker alive."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert all(p.poll() is None for p in running), log.read_text(errors="replace")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{page}/json/", timeout=5) as answered:
                if answered.read().count(b'"ALIVE"') >= WORKERS + 1:
                    return
        except OSError:
            pass
        time.sleep(0.5)
    pytest.fail(f"The cluster did not come up in {PATIENCE} s.\n{log.read_text(errors='replace')}")


def _stop_session() -> None:
    from pyspark import SparkContext

    if SparkContext._active_spark_context is not None:
        SparkContext._active_spark_context.stop()
