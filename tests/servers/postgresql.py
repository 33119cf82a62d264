"""A private PostgreSQL cluster in a temporary folder, gone with the context; one that can be killed and started again."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_HOMES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def available() -> bool:
    """Whether Debian's PostgreSQL server is installed."""
    return bool(_HOMES)


class PostgreSQLServer:
    """One server in `folder`, which has to be empty; it refuses to run as root, so it runs as `postgres` then."""

    def __init__(self, folder: Path, *, port: int | None = None, hosts: Sequence[str] = ()) -> None:
        """`hosts`: addresses to listen on beside the socket in `folder`; without any there is no port."""
        self._folder, self._data, self._hosts = folder, folder / "data", tuple(hosts)
        self.port = port or 5432
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.url = f"postgresql+psycopg://streetward@/postgres?host={folder}&port={self.port}"

    def url_at(self, host: str) -> str:
        return f"postgresql+psycopg://streetward@{host}:{self.port}/postgres"

    def create(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self._folder, self._user)
        options = ("-U", "streetward", "-A", "trust", "-E", "UTF8", "--no-sync")
        _run(self._user, "initdb", "-D", str(self._data), *options)
        with (self._data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.0.0.0/8 trust\n")

    def start(self) -> None:
        """Raises RuntimeError when it does not come up."""
        options = f"-c listen_addresses='{','.join(self._hosts)}' -c unix_socket_directories={self._folder}"
        options += f" -c port={self.port}"
        log = str(self._folder / "log")
        _run(self._user, "pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-l", log, "-o", options, "start")

    def kill(self) -> None:
        """As a power cut would: every process of it at once, nothing flushed."""
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def stop(self) -> None:
        _run(self._user, "pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")


@contextmanager
def cluster() -> Iterator[str]:
    """A running server's SQLAlchemy URL; no port, only a socket."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        server = PostgreSQLServer(folder)
        server.create()
        server.start()
        try:
            yield server.url
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(user: str, program: str, *arguments: str) -> None:
    command = [str(_HOMES[0] / program), *arguments]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *command]
    done = subprocess.run(
        command,
        cwd=tempfile.gettempdir(),
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program} failed: {done.stderr or done.stdout}")
