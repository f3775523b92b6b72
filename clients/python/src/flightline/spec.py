"""What somebody submits: which program, with which arguments, on how much of the cluster."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def memory_bytes(amount: int | str) -> int:
    """An amount of memory in bytes: a number of bytes, or a text such as `512M`, `1.5G` or `2GiB` (powers of 1,024),
    or `100MB` (powers of 1,000)."""
    if isinstance(amount, int):
        return amount
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?\s*", amount.lower())
    thousand = 1000 if found and found[3] == "b" else 1024
    amount_of = int(Decimal(found[1]) * thousand ** _POWERS[found[2]]) if found else 0
    if not 1 <= amount_of < 1 << 64:
        raise ValueError(f"{amount!r} is no amount of memory: write 512M, 1.5G or 2G")
    return amount_of


@dataclass(frozen=True)
class CarriedFile:
    """A small file that travels with a job. An argument names it as `{carried}/NAME`."""

    name: str
    #: May hold secrets, so it isn't shown.
    text: str = field(repr=False)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> CarriedFile:
        """The file at a path, under its own name."""
        path = Path(path)
        return cls(path.name, path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class JobSpec:
    """What a job asks for. The program is `train`, `predict`, `extract`, `distances`, `import`, `model`, `replay` or
    `dead-letters`; whether all of it can be had is the master's to say."""

    program: str
    args: tuple[str, ...] = ()
    files: tuple[CarriedFile, ...] = ()
    #: What people call it; without one, the program's name.
    name: str = ""
    processes: int = 1
    #: Of each process: its worker threads.
    cores: int = 1
    #: Of each process, in bytes or as `2G`. Who uses more is ended.
    memory: int | str = "1G"
    #: Whether it runs for ever: any end but one that was asked for is followed by another life.
    supervise: bool = False
    #: Run again so long after each start, such as `24h`.
    every: str | None = None

    def with_config(self, file: CarriedFile) -> JobSpec:
        """The same with a configuration that travels with it."""
        args = (*self.args, "--config", f"{{carried}}/{file.name}")
        return replace(self, args=args, files=(*self.files, file))

    def json(self) -> dict[str, object]:
        """As the master takes it."""
        value: dict[str, object] = {
            "name": self.name or self.program,
            "program": self.program,
            "args": list(self.args),
            "files": [{"name": file.name, "text": file.text} for file in self.files],
            "processes": self.processes,
            "cores": self.cores,
            "memory": memory_bytes(self.memory),
            "supervise": self.supervise,
        }
        if self.every is not None:
            value["every"] = self.every
        return value
