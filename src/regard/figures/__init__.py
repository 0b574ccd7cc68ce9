"""The few forms that are Regard's face: data in, SVG out, for wide and narrow places, light and dark, screen and paper.

Colours and type come from classes that ``figures.css`` defines over the page's tokens; `standalone` puts them into the
file. Every mark may link to its customers and has its words for pointer and screen reader.
"""

from regard.figures.balance import Gap, balance_plot
from regard.figures.bars import DriverBar, GroupBar, Side, group_bars, interval_bars
from regard.figures.behaviour import BehaviourRow, Stretch, behaviour_rows
from regard.figures.choice import ChoiceBar, choice_bars
from regard.figures.counterfactual import Lived, counterfactual
from regard.figures.figure import Figure, standalone, stylesheet
from regard.figures.flowmap import Flow, FlowLine, FlowStep, flow_change, flow_map
from regard.figures.heat import Cell, heat_table
from regard.figures.interruption import Passed, interruption
from regard.figures.journey import StageMark, journey_band
from regard.figures.line import Notch, Point, banded_line
from regard.figures.multiples import Small, small_multiples
from regard.figures.pathtree import PathStep, path_tree
from regard.figures.sparkline import sparkline
from regard.figures.stacked import Distribution, stacked
from regard.figures.staying import Staying, staying
from regard.figures.timeline import TimelineMark, timeline
from regard.figures.waterfall import Panel, Step, waterfall

__all__ = [
    "BehaviourRow",
    "Cell",
    "ChoiceBar",
    "Distribution",
    "DriverBar",
    "Figure",
    "Flow",
    "FlowLine",
    "FlowStep",
    "Gap",
    "GroupBar",
    "Lived",
    "Notch",
    "Panel",
    "Passed",
    "PathStep",
    "Point",
    "Side",
    "Small",
    "StageMark",
    "Staying",
    "Step",
    "Stretch",
    "TimelineMark",
    "balance_plot",
    "banded_line",
    "behaviour_rows",
    "choice_bars",
    "counterfactual",
    "flow_change",
    "flow_map",
    "group_bars",
    "heat_table",
    "interruption",
    "interval_bars",
    "journey_band",
    "path_tree",
    "small_multiples",
    "sparkline",
    "stacked",
    "standalone",
    "staying",
    "stylesheet",
    "timeline",
    "waterfall",
]
