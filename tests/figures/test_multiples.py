"""Small charts at a glance: what is off course is shaded, a gap is a gap, nothing is said in words."""

import xml.etree.ElementTree as ET

from regard.figures import Small, small_multiples


def test_what_is_off_course_is_shaded_from_where_it_began():
    chart = Small(label="Checks out", values=[1, 2, None, 8], low=[0, 0, 0, 0], high=[3, 3, 3, 3], since=3,
                  last="8", verdict="worse since noon", tone="bad")  # fmt: skip
    figure = small_multiples([chart, Small(label="Calm", values=[1, 1, 1])], title="One is off", ends=("then", "now"))

    for svg in (figure.svg, figure.svg_narrow):
        ET.fromstring(svg)  # noqa: S314 - our own drawing
        assert svg.count("fig-washed") == 1
        assert "▼ worse since noon" in svg
    assert figure.height < 200


def test_a_series_without_values_and_no_series_at_all_are_drawn_too():
    ET.fromstring(small_multiples([Small(label="Empty", values=[None, None])], title="t").svg)  # noqa: S314 - our own drawing
    assert "Nothing is watched yet." in small_multiples([], title="t").svg
