"""What follows what, as a map: steps in layers from left to right, lines as wide as the flow, returns beneath."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from regard.figures.drawing import Sheet, clean, fitted, short_number, text_width, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.figures.journey import Tone
from regard.figures.layers import Layers, Link, layered, neighbours, stacked_up, with_levels

Change = Literal["", "grew", "shrank"]
WIDEST, LEAST = 17.0, 0.9
GAP = 15.0
TALL = 64.0
"""A box with room for two lines of its name and two notes."""
ROUND = 14.0
BOLD = 0.93
"""Part of a box its name may fill: bold letters of some systems' fonts are wider than Inter's."""
LABELLED = 40
LAYERS = 8
END = 46.0
LANE = 17.0
ASIDE = 34.0
Course = tuple[str, tuple[float, ...], list[tuple[float, float]]]


@dataclass(frozen=True, kw_only=True)
class FlowStep:
    """One step.

    Attributes:
        name: What people call it; unique.
        volume: How many.
        text: The volume as it is written.
        note: A second line: errors, score, how often again.
        tone: Its colour, by the scale the legend states.
        end: begin or end where it stands for the beginning or the end of journeys.
        link: Where its customers are.
        tip: What the pointer is told.
    """

    name: str
    volume: float
    text: str = ""
    note: str = ""
    tone: Tone = "none"
    end: Literal["", "begin", "end"] = ""
    link: str = ""
    tip: str = ""


@dataclass(frozen=True, kw_only=True)
class FlowLine:
    """One step that follows another.

    Attributes:
        source: Name of the step before.
        target: Name of the step after.
        volume: How many.
        text: What stands on it: share and time.
        tone: Its colour, by the scale the legend states.
        change: Whether it grew or shrank beyond chance, on a map of what changed.
        link: Where its customers are.
        tip: What the pointer is told.
    """

    source: str
    target: str
    volume: float
    text: str = ""
    tone: Tone = "none"
    change: Change = ""
    link: str = ""
    tip: str = ""

    @property
    def ends(self) -> Link:
        """From where to where."""
        return self.source, self.target

    @property
    def key(self) -> str:
        """What it stands for."""
        return f"{self.source} → {self.target}"


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One map's steps and lines."""

    steps: tuple[FlowStep, ...]
    lines: tuple[FlowLine, ...]


def flow_map(flow: Flow, *, title: str, alt: str = "", legend: str = "") -> Figure:
    """Draw what follows what. Narrow places list each step with its ways on.

    Args:
        flow: Steps and lines; lines between unknown steps are left out.
        title: The finding.
        alt: What it shows.
        legend: How width and colour are to be read.
    """

    def draw(sheet: Sheet) -> None:
        if not flow.steps:
            nothing(sheet, "No customer took a step in this period.")
            return
        plan = _plan(flow)
        if is_narrow(sheet):
            _listed(sheet, flow, plan)
        else:
            _Map(sheet, flow, plan).draw()
        _legend(sheet, legend)

    return finished(draw, title=title, alt=alt)


def flow_change(
    before: Flow, now: Flow, change: Flow, *, title: str, alt: str = "", legend: str = "", like: Flow | None = None
) -> Figure:
    """Draw what changed, large, over both periods side by side; every step stands at one place in all three.

    Args:
        before: The earlier period or the first group.
        now: The later one.
        change: All steps and lines of either; a line's volume is how far its share moved.
        title: The finding.
        alt: What it shows.
        legend: How width and colour are to be read.
        like: A map by whose flow the steps are placed, such as that of all moves; empty takes the three themselves.
    """

    def draw(sheet: Sheet) -> None:
        if not change.steps:
            nothing(sheet, "No customer took a step in these periods.")
            return
        placed = like.lines if like is not None else (*now.lines, *before.lines, *change.lines)
        plan = _plan(Flow(steps=change.steps, lines=(*placed, *(replace(x, volume=0.0) for x in change.lines))))
        if is_narrow(sheet):
            _listed(sheet, change, plan)
            _legend(sheet, legend)
            return
        large = _Map(sheet, change, plan)
        large.draw()
        top = sheet.height + 26
        tall = []
        for x, name, flow in ((0.0, "Before", before), (474.0, "Now", now)):
            own = Sheet(sheet.width)
            _Map(own, _known(flow, change), plan, like=large).draw()
            sheet.text(x, top, name, "strong row")
            parts = "".join(own.parts)
            sheet.raw(f'<g transform="translate({short_number(x)} {short_number(top + 12)}) scale(0.485)">{parts}</g>')
            sheet.linked |= own.linked
            tall.append(own.height * 0.485)
        sheet.height = top + 16 + max(tall)
        _legend(sheet, legend)

    return finished(draw, title=title, alt=alt)


def _known(flow: Flow, change: Flow) -> Flow:
    """A period's map with all steps of the change, so that all stand at the same place."""
    own = {s.name: s for s in flow.steps}
    return replace(flow, steps=tuple(own.get(s.name, replace(s, volume=0.0, text="", note="")) for s in change.steps))


def _legend(sheet: Sheet, legend: str) -> None:
    words = legend.replace("Width:", "Bars:").replace("beneath", "↩") if is_narrow(sheet) else legend
    for line in wrapped(words, sheet.width, 11.5, lines=4) if words else ():
        sheet.height += 17
        sheet.text(0, sheet.height - 3, line, "soft small")


def _plan(flow: Flow) -> Layers:
    names = [s.name for s in flow.steps]
    weights: dict[Link, float] = {}
    for line in flow.lines:
        if line.source in names and line.target in names:
            weights[line.ends] = max(weights.get(line.ends, 0.0), line.volume, 1e-9)
    ends = {s.end: s.name for s in flow.steps if s.end}
    return layered(names, weights, first=ends.get("begin", ""), last=ends.get("end", ""), most=LAYERS)


@dataclass
class _Box:
    """Where one step stands."""

    x: float
    y: float
    wide: float
    tall: float


@dataclass
class _Map:
    """A map being drawn."""

    sheet: Sheet
    flow: Flow
    plan: Layers
    like: _Map | None = None
    boxes: dict[str, _Box] = field(default_factory=dict)
    column: list[tuple[float, float]] = field(default_factory=list)
    passing: dict[object, float] = field(default_factory=dict)
    gap: float = 0.0
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)

    @property
    def small(self) -> bool:
        """Whether it is one of two beside each other, each step where the large map has it."""
        return self.like is not None

    def draw(self) -> None:
        names = {s.name for s in self.flow.steps}
        self.lines = [x for x in self.flow.lines if x.source in names and x.target in names and x.source != x.target]
        most = max([x.volume for x in self.lines if x.volume > 0], default=1.0)
        self.width = {x.ends: max((0.7 if self.small else 1.0) * WIDEST * x.volume / most, LEAST) for x in self.lines}
        if self.like is not None:
            self.boxes, self.column = self.like.boxes, self.like.column
            self.passing, self.gap = self.like.passing, self.like.gap
        else:
            self._stand()
        self._ports()
        lanes = self._lanes()
        foot = max(b.y + b.tall for b in self.boxes.values())
        labels = []
        for line in sorted(self.lines, key=lambda x: x.volume):
            d, tip, middle = self._course(line, lanes, foot)
            self._line(line, d, tip)
            labels.append((line, middle))
        for step in self.flow.steps:
            self._step(step)
        for line, middle in [] if self.small else labels[::-1][:LABELLED]:
            self._label(line, middle)
        self.sheet.height = foot + (LANE * (max(lanes.values()) + 1.6) if lanes else 4)

    def _stand(self) -> None:
        """Boxes in their layers, as tall as what runs through their sides needs."""
        ends = {s.name for s in self.flow.steps if s.end}
        self._columns(ends)
        need = {
            side: {n: sum(self.width[x.ends] + 2 for x in self.lines if x.ends[side] == n) for n in self.plan.layer}
            for side in (0, 1)
        }

        long = {s.name for s in self.flow.steps if s.text and s.note and not self._short(s)}

        def tall(item: object) -> float:
            if isinstance(item, str):
                low = 34.0 if item in ends else TALL if item in long else 50.0
                return max(low, need[0][item] + 8, need[1][item] + 8)
            return self.width.get(item[0], LEAST) + 2  # type: ignore[index]

        floor = 0.05 * max((x.volume for x in self.lines), default=1.0) or 1.0
        weights = {x.ends: x.volume + floor for x in self.lines}
        links = {link: weights.get(link, 1e-9) for link in self.plan.through} | weights
        beside = with_levels(self.plan, links, neighbours(self.plan, links))
        at = stacked_up(self.plan.rows, tall, beside, GAP)  # type: ignore[arg-type]
        for item, y in at.items():
            if isinstance(item, str):
                x, wide = self.column[self.plan.layer[item]]
                self.boxes[item] = _Box(x, y - tall(item) / 2, wide, tall(item))
        self.passing = {item: y for item, y in at.items() if not isinstance(item, str)}

    def _short(self, step: FlowStep) -> bool:
        """Whether the name of a step goes on one line of its box."""
        wide = self.column[self.plan.layer[step.name]][1]
        return text_width(clean(step.name), strong=True) <= (wide - ROUND) * BOLD

    def _columns(self, ends: set[str]) -> None:
        """Left edge and width of each layer; beginning and end are narrow."""
        narrow = [all(item in ends for item in row) for row in self.plan.rows]
        inner, last = len(narrow) - sum(narrow), len(narrow) - 1
        backs = [x.ends for x in self.lines if self.plan.way(x.ends) == "back"]
        left = ASIDE if any(self.plan.layer[t] == 0 for _, t in backs) else 0.0
        right = ASIDE if any(self.plan.layer[s] == last for s, _ in backs) else 0.0
        room = self.sheet.width - END * sum(narrow) - left - right
        gap = min(max(room / max(last, 1) * 0.34, 34.0), 90.0)
        wide = min((room - gap * last) / max(inner, 1), 150.0)
        self.gap = gap = (room - wide * inner) / max(last, 1)
        x = left
        for one in narrow:
            self.column.append((x, END if one else wide))
            x += self.column[-1][1] + gap

    def _ports(self) -> None:
        """Where each line leaves and arrives: in the order of where it goes, so that lines do not cross at a box."""
        self.port: dict[tuple[Link, int], float] = {}
        for name, box in self.boxes.items():
            for side in (0, 1):
                own = [x for x in self.lines if x.ends[side] == name and self.plan.way(x.ends) != "level"]
                own.sort(key=lambda x: (self.plan.way(x.ends) == "back", self._next(x, side)))
                y = box.y + box.tall / 2 - sum(self.width[x.ends] + 2 for x in own) / 2
                for line in own:
                    self.port[line.ends, side] = y + self.width[line.ends] / 2 + 1
                    y += self.width[line.ends] + 2

    def _next(self, line: FlowLine, side: int) -> float:
        """The height a line goes to (or comes from) beside the box."""
        passed = self.plan.through.get(line.ends, [])
        if passed:
            return float(self.passing[line.ends, passed[0 if side == 0 else -1]])
        other = self.boxes[line.ends[1 - side]]
        return other.y + other.tall / 2

    def _lanes(self) -> dict[Link, int]:
        """A lane beneath the map for each line that turns back; short ones nearest."""
        lanes: dict[Link, int] = {}
        used: list[list[tuple[float, float]]] = []
        backs = [x for x in self.lines if self.plan.way(x.ends) == "back"]
        for line in sorted(backs, key=lambda x: self.boxes[x.source].x - self.boxes[x.target].x):
            low, high = self.boxes[line.target].x, self.boxes[line.source].x + self.boxes[line.source].wide
            lane = next((i for i, row in enumerate(used) if all(high < a or low > b for a, b in row)), len(used))
            if lane == len(used):
                used.append([])
            used[lane].append((low, high))
            lanes[line.ends] = lane
        return lanes

    def _course(self, line: FlowLine, lanes: dict[Link, int], foot: float) -> Course:
        """The line's path, its arrow's tip with its direction, and places for its words."""
        way = self.plan.way(line.ends)
        if way == "on":
            return self._onward(line)
        source, target = self.boxes[line.source], self.boxes[line.target]
        if way == "back":
            return self._beneath(line, lanes[line.ends], foot)
        down = source.y < target.y
        x, out = (source.x, -1) if down else (source.x + source.wide, 1)
        y0, y1 = source.y + source.tall * (0.75 if down else 0.25), target.y + target.tall * (0.25 if down else 0.75)
        bow = x + out * min(10 + abs(y1 - y0) / 6, 0.8 * self.gap)
        d = f"M{_p(x, y0)} C{_p(bow, y0)} {_p(bow, y1)} {_p(x + out * 5, y1)}"
        return d, (x, y1, -out, 0), [((x + 3 * bow) / 4, (y0 + y1) / 2)]

    def _beneath(self, line: FlowLine, lane: int, foot: float) -> Course:
        """Out to the right, down between the layers, back beneath everything, and up to the target's left side."""
        source, target = self.boxes[line.source], self.boxes[line.target]
        y, aside = foot + LANE * (lane + 0.9), min(self.gap, ASIDE + 14) * (0.3 + 0.11 * (lane % 4))
        x0, x1 = source.x + source.wide + aside, target.x - aside
        y0, y1 = self.port[line.ends, 0], self.port[line.ends, 1]
        d = (
            f"M{_p(source.x + source.wide, y0)} H{_n(x0 - 6)} Q{_p(x0, y0)} {_p(x0, y0 + 6)} V{_n(y - 8)} "
            f"Q{_p(x0, y)} {_p(x0 - 8, y)} H{_n(x1 + 8)} Q{_p(x1, y)} {_p(x1, y - 8)} V{_n(y1 + 6)} "
            f"Q{_p(x1, y1)} {_p(x1 + 6, y1)} H{_n(target.x - 6)}"
        )
        return d, (target.x, y1, 1, 0), [(x0 - (x0 - x1) * t, y) for t in (0.5, 0.3, 0.7)]

    def _onward(self, line: FlowLine) -> Course:
        source, target = self.boxes[line.source], self.boxes[line.target]
        points = [(source.x + source.wide, self.port[line.ends, 0])]
        for at in self.plan.through.get(line.ends, []):
            y = float(self.passing[line.ends, at])
            x, wide = self.column[at]
            points += [(x, y), (x + wide, y)]
        tip = (target.x, self.port[line.ends, 1])
        points.append((tip[0] - 6, tip[1]))
        d, middle = f"M{_p(*points[0])}", []
        for i, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
            bend = (x1 - x0) / 2
            d += f" C{_p(x0 + bend, y0)} {_p(x1 - bend, y1)} {_p(x1, y1)}"
            middle += [((x0 + x1) / 2, (y0 + y1) / 2)] if i % 2 == 0 else [((x0 + x1) / 2, y0)]
        return d, (*tip, 1, 0), sorted(middle, key=lambda p: abs(p[0] - (points[0][0] + tip[0]) / 2))

    def _line(self, line: FlowLine, d: str, tip: tuple[float, ...]) -> None:
        width = self.width[line.ends]
        back = " flow-back" if self.plan.way(line.ends) == "back" else ""
        look = line.change or line.tone
        words = line.tip or ", ".join(w for w in (line.key, line.text) if w)
        link = "" if self.small else line.link
        self.sheet.open_mark(link, words, key=line.key)
        self.sheet.stroke(d, "flow-hit", max(width, 12))
        self.sheet.stroke(d, f"flow flow-{look}{back}", width)
        x, y, right, down = tip
        size = max(3.2, min(width / 2 + 2.2, 9.0))
        ends = [(x, y), (x - 7 * right + size * down, y - 7 * down + size * right),
                (x - 7 * right - size * down, y - 7 * down - size * right)]  # fmt: skip
        self.sheet.path("M" + " L".join(_p(*e) for e in ends) + "Z", f"flow-tip flow-tip-{look}")
        self.sheet.close_mark(link)

    def _step(self, step: FlowStep) -> None:
        box, link = self.boxes[step.name], "" if self.small else step.link
        words = step.tip or ", ".join(w for w in (step.name, step.text, step.note) if w)
        self.taken.append((box.x - 2, box.y - 2, box.x + box.wide + 2, box.y + box.tall + 2))
        self.sheet.open_mark(link, words, key=step.name)
        faded = " flow-away" if not step.volume else ""
        self.sheet.rect(box.x, box.y, box.wide, box.tall, f"flow-box{faded}", round_=12 if step.end else 5)
        if not step.end and step.tone != "none":
            self.sheet.rect(box.x, box.y + 4, 4, box.tall - 8, step.tone, round_=1.5)
        x, room = box.x + (5 if step.end else 9), box.wide - (6 if step.end else ROUND)
        size, look = (21.0, "strong mini") if self.small else (12.5, "strong label")
        notes = [] if self.small else [t for t in (step.text, step.note) if t]
        rows = 1 if step.end else 2 if len(notes) < 2 or box.tall >= TALL else 1
        bold = not self.small and not step.end
        lines = wrapped(step.name, room * BOLD if bold else room, size, lines=rows, strong=bold)
        pitch = 23 if self.small else 14.5
        y = box.y + box.tall / 2 - pitch * (len(lines) + len(notes)) / 2 + pitch * 0.78
        for line in lines:
            self.sheet.text(x, y, line, look)
            y += pitch
        for note in notes:
            self.sheet.text(x, y, fitted(note, room, 11.5), "soft small")
            y += pitch
        self.sheet.close_mark(link)

    def _label(self, line: FlowLine, places: list[tuple[float, float]]) -> None:
        """The line's words where they hide nothing; where there is no room the pointer and the table have them."""
        wide = text_width(line.text, 11) + 2
        lift = self.width[line.ends] / 2 + 6.5
        tried = [(x, y + off) for x, y in places for off in (-lift, lift, 0.0)]
        free = [at for at in tried if self._free(at, wide)]
        if line.text and (free or line.change):
            x, y = (free or tried)[0]
            self.taken.append((x - wide / 2, y - 6, x + wide / 2, y + 6))
            look = {"grew": "edge accent-text", "shrank": "edge bad-text"}.get(line.change, "edge")
            self.sheet.text(x, y + 3.8, line.text, look, anchor="middle")

    def _free(self, at: tuple[float, float], wide: float) -> bool:
        left, right, top, foot = at[0] - wide / 2, at[0] + wide / 2, at[1] - 6, at[1] + 6
        clear = all(right < a or left > c or foot < b or top > d for a, b, c, d in self.taken)
        return clear and left > -4 and right < self.sheet.width + 4


def _listed(sheet: Sheet, flow: Flow, plan: Layers) -> None:
    """Steps from above, each with its ways on as bars."""
    known = {s.name: s for s in flow.steps}
    most = max([x.volume for x in flow.lines], default=1.0) or 1.0
    y = 0.0
    for item in [i for row in plan.rows for i in row if isinstance(i, str)]:
        step = known[item]
        own = sorted((x for x in flow.lines if x.source == item and x.target in known), key=lambda x: -x.volume)
        if step.end == "end":
            continue
        sheet.open_mark(step.link, step.tip or f"{step.name}, {step.text}", key=step.name)
        sheet.hit(0, y, sheet.width, 24)
        if step.tone != "none":
            sheet.rect(0, y + 3, 4, 15, step.tone, round_=1.5)
        used = text_width(step.text, 12.5) + 8
        sheet.text(9, y + 15, fitted(step.name, sheet.width - used - 12, 13.5, strong=True), "strong row")
        sheet.text(sheet.width, y + 15, step.text, "soft label", anchor="end")
        sheet.close_mark(step.link)
        y += 24
        for line in own[:4]:
            y = _way_on(sheet, line, y, most, back=line.source == line.target or plan.way(line.ends) == "back")
        if len(own) > 4:
            sheet.text(24, y + 11, f"and {len(own) - 4} more ways", "soft small")
            y += 18
        y += 10
    sheet.height = y


def _way_on(sheet: Sheet, line: FlowLine, y: float, most: float, *, back: bool) -> float:
    sheet.open_mark(line.link, line.tip or f"{line.key}, {line.text}", key=line.key)
    sheet.hit(0, y, sheet.width, 24)
    used = text_width(line.text, 11.5) + 10
    mark = "↩ " if back else "→ "
    sheet.text(12, y + 11, mark + fitted(clean(line.target), sheet.width - used - 36, 12), "label")
    look = {"grew": "accent-text small", "shrank": "bad-text small"}.get(line.change, "soft small")
    sheet.text(sheet.width, y + 11, line.text, look, anchor="end")
    look = {"grew": "accent", "shrank": "bad"}.get(line.change, "total" if line.tone == "none" else line.tone)
    sheet.rect(24, y + 16, max((sheet.width - 24) * line.volume / most, 1.5), 4, look, round_=1)
    sheet.close_mark(line.link)
    return y + 26


_n = short_number


def _p(x: float, y: float) -> str:
    return f"{short_number(x)},{short_number(y)}"
