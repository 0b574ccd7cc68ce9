"""The exports of known survey tools. Data only; `a|b` stands for either heading."""

# ruff: noqa: E501  one heading a line reads better than wrapped alternatives

from __future__ import annotations

from regard.sources.exports import EXPORTS, Shape, fixed
from regard.sources.mapping import Expression, Signal, Test

DELIGHTED = Shape(
    name="delighted",
    title="Delighted responses",
    signature=(
        "Score",
        "Comment",
        "Permalink|Survey type|Response created at|Survey responded at",
        "Person ID|Person email|Email|Person Email",
    ),
    signals=(
        Signal(
            kind="answer",
            columns={
                "key": "Response ID|ID|Permalink",
                "occurred_at": "Response created at|Survey responded at|Responded at|Created at|Response updated at",
                "version_at": "Response updated at|Updated at",
                "asked_at": "Survey scheduled at|Survey delivered at|Survey sent at",
                "person": "Person ID|Person email|Person Email|Email",
                "survey": fixed("Delighted"),
                "metric": Expression(
                    column="Survey type",
                    map={"NPS": "nps", "nps": "nps", "CSAT": "csat", "csat": "csat", "CES": "ces", "ces": "ces"},
                    default="nps",
                ),
                "score": "Score",
                "scale_min": Expression(
                    column="Survey type", map={"CSAT": 1, "csat": 1, "CES": 1, "ces": 1}, default=0
                ),
                "scale_max": Expression(
                    column="Survey type", map={"CSAT": 5, "csat": 5, "CES": 5, "ces": 5}, default=10
                ),
                "verbatim": "Comment",
                "channel": "Response source|Survey source|Source",
            },
            labels=("Locale", "Tags"),
        ),
    ),
)

TYPEFORM = Shape(
    name="typeform",
    title="Typeform responses",
    signature=("#", "Submit Date (UTC)"),
    questions=True,
    ignored=("Network ID", "Start Date (UTC)", "Stage Date (UTC)", "Response Type", "Ending"),
    signals=(
        Signal(
            kind="answer",
            when={"Submit Date (UTC)": Test(empty=False)},
            columns={
                "key": "#",
                "response": "#",
                "occurred_at": "Submit Date (UTC)",
                "person": "user_id|customer_id|email|Email",
                "anonymous": "Network ID",
            },
            labels=("Tags",),
        ),
    ),
)

SURVEYMONKEY = Shape(
    name="surveymonkey",
    title="SurveyMonkey responses",
    signature=(
        "Respondent ID|respondent_id",
        "Collector ID|collector_id",
        "Start Date|date_created",
        "End Date|date_modified",
    ),
    questions=True,
    ignored=(
        "Start Date",
        "date_created",
        "IP Address",
        "ip_address",
        "First Name",
        "Last Name",
        "Custom Data",
        "Custom Data 1",
        "custom_1",
    ),
    signals=(
        Signal(
            kind="answer",
            columns={
                "key": "Respondent ID|respondent_id",
                "response": "Respondent ID|respondent_id",
                "occurred_at": "End Date|date_modified",
                "person": "Custom Data 1|Custom Data|custom_1|Email Address|email_address",
                "anonymous": "Respondent ID|respondent_id",
                "channel": "Collector ID|collector_id",
            },
        ),
    ),
)

GOOGLE_FORMS = Shape(
    name="google-forms",
    title="Google Forms responses",
    signature=("Timestamp|Zeitstempel|Horodateur|Marca temporal|Carimbo de data/hora|Informazioni cronologiche",),
    questions=True,
    signals=(
        Signal(
            kind="answer",
            columns={
                "occurred_at": "Timestamp|Zeitstempel|Horodateur|Marca temporal|Carimbo de data/hora|Informazioni cronologiche",
                "person": "Email Address|Username|E-Mail-Adresse|Adresse e-mail|Endereço de e-mail|Dirección de correo electrónico",
            },
        ),
    ),
)

SHAPES = (*EXPORTS, DELIGHTED, SURVEYMONKEY, TYPEFORM, GOOGLE_FORMS)
"""Every known export, the first that fits is taken."""
