"""Every setting of this installation: name, type, default, help. Read from the environment as REGARD_<NAME>."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from regard.errors import BadInput


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an installation may be told from outside. Each field is an environment variable REGARD_<NAME>."""

    workspace: Path = field(
        default=Path("regard-workspace"), metadata={"help": "Directory of the workspace: one company, one directory."}
    )
    port: int = field(default=7788, metadata={"help": "Port of the pages on 127.0.0.1; 0 takes a free one."})
    intake: str = field(
        default="127.0.0.1:7789",
        metadata={
            "help": "Where signals are taken in over HTTP, HOST:PORT; port 0 takes a free one, `off` takes none."
        },
    )
    trusted_proxies: str = field(
        default="",
        metadata={
            "help": "Proxies in front of the intake whose X-Forwarded-For is believed: addresses and networks, commas "
            "between them. Nobody's by default."
        },
    )
    buckets: int = field(
        default=16, metadata={"help": "Customer-hash buckets of a new workspace's lake; fixed once it holds signals."}
    )
    memory: str = field(default="1GB", metadata={"help": "Memory the engine may use for one question or settling."})
    threads: int = field(default=0, metadata={"help": "Threads of the engine; 0 takes every core."})
    cluster: str = field(
        default="",
        metadata={
            "help": "Spark cluster that questions about journeys are computed on, such as spark://HOST:7077. Its "
            "workers need Regard and see the workspace under the same path. Empty computes on this machine."
        },
    )
    worker_idle: float = field(default=60.0, metadata={"help": "Seconds without a question before a worker stops."})
    workers: int = field(default=2, metadata={"help": "Questions computed at the same time by the pages."})
    held_items: int = field(
        default=100_000,
        metadata={"help": "Items of one source held back and not yet settled; any beyond them is refused."},
    )
    smtp: str = field(
        default="",
        metadata={
            "help": "Mail server that alerts are sent through, HOST:PORT, with STARTTLS; port 465 with TLS from the "
            "start. None by default."
        },
    )
    smtp_user: str = field(default="", metadata={"help": "User of the mail server; empty signs in nowhere."})
    smtp_secret: str = field(
        default="",
        metadata={"help": "Where the mail server's password is read from: `env:NAME` or `file:PATH`. Never itself."},
    )
    smtp_plain: bool = field(
        default=False,
        metadata={
            "help": "1 lets mail go to a server without TLS; only for one on this machine or in your own network."
        },
    )
    mail_from: str = field(default="", metadata={"help": "The address mail of alerts comes from: alerts@example.com."})
    page_address: str = field(
        default="",
        metadata={"help": "Address of these pages in messages, as their readers reach it: http://127.0.0.1:7788."},
    )
    question_seconds: float = field(
        default=60.0, metadata={"help": "Seconds one question may take on the pages before it is stopped."}
    )


def settings(**given: object) -> Settings:
    """The settings in force: what is given, else the environment, else the default.

    Raises:
        BadInput: An environment variable does not have its setting's type.
    """
    values: dict[str, object] = {}
    for item in fields(Settings):
        if given.get(item.name) is not None:
            values[item.name] = given[item.name]
            continue
        name = f"REGARD_{item.name.upper()}"
        raw = os.environ.get(name)
        if raw is not None and raw != "":
            default: Any = item.default
            try:
                values[item.name] = Path(raw) if isinstance(default, Path) else _typed(raw, type(default))
            except ValueError as error:
                kind = type(default).__name__
                raise BadInput(f"{name} must be of type {kind}, not {raw!r}.", where=name) from error
    return Settings(**values)  # type: ignore[arg-type]


def _typed(raw: str, kind: type) -> object:
    if kind is not bool:
        return kind(raw)
    if raw.lower() not in {"0", "1", "no", "yes", "false", "true"}:
        raise ValueError(raw)
    return raw.lower() in {"1", "yes", "true"}
