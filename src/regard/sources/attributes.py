"""What an attribute of OpenTelemetry is here: whose id it holds, the label it becomes, or nothing.

Addresses, queries, statements and places in code are not kept: they are nobody's label, and may hold what is nobody's
business. What a company declares comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from regard.signals.declarations import OpenTelemetry
from regard.sources.items import Unfit, number_text
from regard.sources.items import encode as encoded
from regard.sources.limits import Wire
from regard.sources.opentelemetry import Pairs

CALLED = {
    "service.name": "service", "service.version": "version", "service.namespace": "namespace",
    "deployment.environment": "environment", "deployment.environment.name": "environment", "cloud.region": "region",
    "app.version": "version", "device.type": "device", "os.name": "os", "error.type": "error",
    "exception.type": "exception",
}  # fmt: skip
"""What well-known attributes are called here, unless it is declared otherwise."""

OF_RESOURCE = frozenset(
    ("service", "version", "namespace", "environment", "region", "device", "os", "app.build_id", "device.model.name",
     "browser.platform", "browser.mobile", "browser.language", "cloud.provider", "cloud.availability_zone")
)  # fmt: skip
"""Labels taken from a resource: which machine or process served a request is nobody's label."""

LEFT_OUT = (
    "url.full", "url.query", "url.fragment", "url.path", "http.url", "http.target", "http.user_agent", "http.client_ip",
    "http.request.header.", "http.response.header.", "http.request.body", "http.response.body",
    "user_agent.original", "client.", "network.", "net.", "server.", "source.", "destination.", "peer.", "thread.",
    "code.", "process.", "host.", "container.", "telemetry.", "db.statement", "db.query.", "exception.stacktrace",
    "user.email", "user.name", "user.full_name", "sampler.", "SampleRate",
)  # fmt: skip
"""How attributes begin that are not kept unless they are declared as labels."""

PERSON, ANONYMOUS, ACCOUNT = 0, 1, 2


@dataclass(slots=True)
class Whose:
    """What some attributes say: ids as sent, each with how far down its list it stood, and labels."""

    ids: list[str | None]
    ranks: list[int]
    labels: dict[str, str]

    @property
    def known(self) -> bool:
        """Whether anybody is named."""
        return self.ids != [None, None, None]


class Roles(dict[str, Any]):
    """What each attribute is, found once: a label's name, (id, rank), or nothing.

    Args:
        declared: What the company declares of OpenTelemetry.
    """

    def __init__(self, declared: OpenTelemetry) -> None:
        super().__init__()
        self._called = CALLED | declared.called
        self._wanted = frozenset(declared.labels)
        self._of_resource = OF_RESOURCE | self._wanted | set(declared.called.values())
        self._ids = {
            name: (place, rank)
            for place, names in enumerate((declared.person, declared.anonymous, declared.account))
            for rank, name in enumerate(names)
        }

    def of_resource(self, name: str, role: str) -> bool:
        """Whether an attribute of a resource is a label: a well-known one, or one that is declared."""
        return role in self._of_resource or name in self._wanted

    def __missing__(self, name: str) -> Any:
        """Find it, and keep it."""
        role: Any = self._ids.get(name)
        if role is None:
            called = self._called.get(name, name)
            if self._wanted:
                role = called if name in self._wanted or called in self._wanted else None
            else:
                role = None if name not in self._called and name.startswith(LEFT_OUT) else called
        if len(self) > 10_000:  # names that are made up without end are found anew
            self.clear()
        self[name] = role
        return role


def whose(pairs: Pairs, roles: Roles, limits: Wire, *, before: Whose | None = None, resource: bool = False) -> Whose:
    """Ids and labels among attributes; those of an item win over those of its resource.

    Args:
        pairs: The attributes.
        roles: What each is.
        limits: How long an id may be.
        before: What the resource said.
        resource: These are the resource's own.

    Raises:
        Unfit: An id is too long, or there are too many attributes.
    """
    if len(pairs) > limits.keys:
        raise Unfit("too_many_keys", f"This item has {len(pairs):,} attributes; {limits.keys:,} are allowed.")
    found = Whose([None] * 3, [99] * 3, {}) if before is None else Whose([*before.ids], [99] * 3, {**before.labels})
    labels = found.labels
    for name, value in pairs:
        role = roles[name]
        if role is None or value is None:
            continue
        if type(role) is str:
            if not resource or roles.of_resource(name, role):
                labels[role] = value if type(value) is str else text_of(value)
            continue
        place, rank = role
        if rank < found.ranks[place] and (id_ := text_of(value)):
            if len(id_) > limits.id_length:
                raise Unfit("id_too_long", f"{name} is longer than {limits.id_length} characters.", where=name)
            found.ids[place], found.ranks[place] = id_, rank
    return found


def text_of(value: Any) -> str:
    """A plain value as a label."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value) if value == value and abs(value) != float("inf") else str(value)  # noqa: PLR0124 NaN
    return encoded(_finite(value)).decode()


def _finite(value: Any) -> Any:
    """A value that JSON can say: NaN, infinite and huge numbers as texts."""
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124
        return str(value)
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return str(value)
    if isinstance(value, dict):
        return {str(name): _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list) else value
