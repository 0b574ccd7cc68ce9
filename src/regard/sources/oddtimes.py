"""Times no customer can have meant: days to come, and the day clocks and spreadsheets begin with. Kept, and said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from regard.wording import count, day

if TYPE_CHECKING:
    import pyarrow as pa

AHEAD = timedelta(hours=24)  # clocks of other zones may be ahead, a day is beyond them
STARTS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(1899, 12, 30, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC))


class OddTimes:
    """Counts them over an import."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)
        self.ahead = 0
        self.latest = self.now
        self.starts = dict.fromkeys(STARTS, 0)

    def look(self, table: pa.Table) -> None:
        """Takes signals of one kind with their column `occurred_at`, if they have one."""
        if "occurred_at" not in table.column_names or not table.num_rows:
            return
        times = table["occurred_at"]
        least, most = pc.min_max(times).as_py().values()
        if most is not None and most > self.now + AHEAD:
            self.ahead += pc.sum(pc.greater(times, self.now + AHEAD)).as_py()
            self.latest = max(self.latest, most)
        for start in self.starts:
            if least is not None and least <= start:
                self.starts[start] += pc.sum(pc.equal(times, start)).as_py() or 0

    def notes(self) -> list[str]:
        """A sentence for each sort found."""
        out = []
        if self.ahead:
            out.append(
                f"In the future, the latest on {day(self.latest.date())}: {count(self.ahead, 'signal')}. Kept, and "
                "left out until that day comes. Check the order of day and month."
            )
        out += [
            f"Dated {day(start.date())}, which clocks begin with, so most likely an empty time: {count(n, 'signal')}. "
            "Kept there; correct the file and import it again."
            for start, n in self.starts.items()
            if n
        ]
        return out
