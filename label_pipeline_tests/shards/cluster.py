"""A standalone Spark cluster of one master and some workers on loopback, as processes that can be killed.

Spark is that of `.spark` (see the Makefile), which lies on no path but that of who asks for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOME = Path(__file__).parents[2]
SPARK = HOME / ".spark"
MEMORY = "700m"
JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""For processes that live for a minute: compiling what Java runs well costs them more than running it."""
SETTINGS = {
    "spark.driver.extraJavaOptions": JAVA,
    "spark.executor.extraJavaOptions": JAVA,
    "spark.executor.memory": "512m",
    "spark.driver.memory": "512m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}
"""What fits such a cluster."""


def missing() -> str | None:
    """What there is not to start a cluster with, in words; None where all is there."""
    if not (SPARK / "pyspark").is_dir():
        return "there is no .spark; `make .spark/ready` makes it"
    return None if os.environ.get("JAVA_HOME") or shutil.which("java") else "Spark needs Java"


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that finds Spark and this package."""
    return os.environ | {"PYTHONPATH": f"{HOME}{os.pathsep}{SPARK}", "SPARK_LOCAL_IP": "127.0.0.1"} | more


class Cluster:
    """`url` is what Spark connects to; `workers` are killed one by one."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder, self.port = folder, _free_port()
        self.url = f"spark://127.0.0.1:{self.port}"
        self.master = self._start("master.Master", "--port", str(self.port))
        self._wait("master", "I have been elected leader")
        common = ["--cores", "1", "--memory", MEMORY, "--work-dir", str(folder / "work")]
        self.workers = [self._start("worker.Worker", *common, self.url, name=f"worker-{k}") for k in range(workers)]
        for k in range(workers):
            self._wait(f"worker-{k}", "Successfully registered with master")

    def stop(self) -> None:
        """End what is left, and wait for it."""
        for process in (*self.workers, self.master):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(self, what: str, *arguments: str, name: str = "master") -> subprocess.Popen[bytes]:
        home = SPARK / "pyspark"
        local = {"SPARK_HOME": str(home), "SPARK_LOCAL_DIRS": str(self.folder / "local")}
        env = environment(
            **local, PYSPARK_PYTHON=sys.executable, SPARK_DAEMON_MEMORY="256m", SPARK_DAEMON_JAVA_OPTS=JAVA
        )
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{what}", "--host", "127.0.0.1"]
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [*command, "--webui-port", "0", *arguments],
                env=env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _wait(self, name: str, words: str) -> None:
        log, end = self.folder / f"{name}.log", time.monotonic() + 180
        while words not in log.read_text():
            if time.monotonic() > end:
                raise TimeoutError(log.read_text()[-2000:])
            time.sleep(0.1)


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """A cluster that is there and is gone afterwards; logs stand in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    started = Cluster.__new__(Cluster)
    started.workers = []
    try:
        started.__init__(folder, workers)  # type: ignore[misc]
        yield started
    finally:
        started.stop()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
