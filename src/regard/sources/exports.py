"""The exports of known desks and tills: their headings and what becomes of them. Data only; `a|b` is either heading."""

# ruff: noqa: E501  one heading a line reads better than wrapped alternatives

from __future__ import annotations

from dataclasses import dataclass, field

from regard.sources.mapping import Expression, Signal, Test


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A known export.

    Attributes:
        name: Name of the source.
        title: What people call it.
        signature: Headings that must be there; `a|b` for either.
        signals: What its rows become; headings may have alternatives, and columns the file lacks are left out.
        questions: Its other columns are the questions of a survey.
        ignored: Headings that are nothing for the log.
    """

    name: str
    title: str
    signature: tuple[str, ...]
    signals: tuple[Signal, ...]
    questions: bool = False
    ignored: tuple[str, ...] = field(default=())


def fixed(value: str | float) -> Expression:
    """The same value for every row."""
    return Expression(value=value)


def _after(start: str, minutes: str) -> Expression:
    return Expression(column=start, plus=minutes, times=60)


ZENDESK = Shape(
    name="zendesk",
    title="Zendesk tickets",
    signature=(
        "Id|Ticket ID",
        "Requester|Requester id|Requester email|Requester external id",
        "Created at",
        "Status",
        "Ticket type|Via|Assignee",
    ),
    signals=(
        Signal(
            kind="contact",
            columns={
                "key": "Id|Ticket ID",
                "occurred_at": "Created at",
                "version_at": "Updated at",
                "person": "Requester external id|Requester id|Requester email|Requester",
                "account": "Organization|Organization name",
                "channel": "Via|Channel",
                "area": "Group|Brand",
                "issue": "Ticket type|Type",
                "status": "Status",
                "priority": "Priority",
                "subject": "Subject",
                "verbatim": "Description",
                "answered_at": _after("Created at", "First reply time in minutes|First reply time (min)"),
                "solved_at": "Solved at",
                "reopened": "Reopens",
                "handovers": "Assignee stations",
                "agent": "Assignee",
            },
            labels=("Tags", "Brand", "Satisfaction Score|Satisfaction"),
        ),
    ),
)

INTERCOM = Shape(
    name="intercom",
    title="Intercom conversations",
    signature=(
        "Conversation ID|conversation_id",
        "Conversation started at|Conversation created at|conversation_created_at",
    ),
    signals=(
        Signal(
            kind="contact",
            columns={
                "key": "Conversation ID|conversation_id",
                "occurred_at": "Conversation started at|Conversation created at|conversation_created_at",
                "version_at": "Conversation updated at|Last updated at|Updated at|Conversation last updated at",
                "person": "User external ID|User ID|Contact ID|message_author_user_id|User email|Contact email|message_author_email",
                "account": "Company ID|Company|Company name|message_author_companies",
                "channel": "Channel|Source|Conversation channel",
                "area": "Topics|Topic|AI Topic|Team currently assigned|Team assigned|Conversation tag|Conversation tags|conversation_tags",
                "issue": "AI Subtopic|Ticket category|Ticket type",
                "priority": "Conversation priority|Priority",
                "status": "Conversation state|State|conversation_state|Current conversation state",
                "subject": "Conversation title|Title",
                "verbatim": "First message|message_body|Conversation content",
                "answered_at": "Conversation first replied at|First response at|conversation_first_response_at",
                "solved_at": "Conversation last closed at|Last closed at|Conversation first closed at|conversation_closed_at",
                "reopened": "Number of reopens|Reopens",
                "handovers": "Number of reassignments|Reassignments",
                "agent": "Teammate currently assigned|Teammate assigned|Assignee",
            },
            labels=("Country", "Brand", "Company plan", "Fin AI Agent resolution state"),
        ),
        Signal(
            kind="answer",
            when={"Last teammate rating|Conversation rating|Rating": Test(empty=False)},
            scale=(1, 5),
            columns={
                "key": "Conversation ID|conversation_id",
                "occurred_at": "Conversation rated at|Rated at|Conversation last closed at|Conversation first closed at|Conversation started at|Conversation created at|conversation_created_at",
                "person": "User external ID|User ID|Contact ID|User email|Contact email",
                "survey": fixed("Conversation rating"),
                "metric": fixed("csat"),
                "score": "Last teammate rating|Conversation rating|Rating",
                "verbatim": "Last teammate rating remark|Conversation rating remark|Rating remark|Remark",
                "about": "Conversation ID|conversation_id",
            },
        ),
    ),
)

INTERCOM_RATINGS = Shape(
    name="intercom",
    title="Intercom ratings",
    signature=("Conversation ID", "Updated at", "Conversation rating"),
    signals=(
        Signal(
            kind="answer",
            when={"Conversation rating": Test(empty=False)},
            scale=(1, 5),
            columns={
                "key": "Conversation ID",
                "occurred_at": "Updated at",
                "person": "User ID|User email|User name",
                "account": "Company ID|Company name",
                "survey": fixed("Conversation rating"),
                "metric": fixed("csat"),
                "score": "Conversation rating",
                "verbatim": "Conversation rating remark",
                "about": "Conversation ID",
            },
            labels=("Agent rated type", "Fin AI Agent involved"),
        ),
    ),
)

HUBSPOT = Shape(
    name="hubspot",
    title="HubSpot tickets",
    signature=("Ticket ID|Record ID", "Ticket name", "Ticket status|Ticket owner|Pipeline", "Create date"),
    signals=(
        Signal(
            kind="contact",
            columns={
                "key": "Ticket ID|Record ID",
                "occurred_at": "Create date",
                "version_at": "Last modified date|Last activity date",
                "person": "Associated Contact IDs|Associated Contact|Contact ID|Contact email",
                "account": "Associated Company IDs|Associated Company|Company ID|Company name",
                "channel": "Source",
                "area": "Category|Pipeline",
                "issue": "Ticket type|Category",
                "status": "Ticket status",
                "priority": "Priority",
                "subject": "Ticket name",
                "verbatim": "Ticket description",
                "answered_at": "First agent email response date|First agent reply date",
                "solved_at": "Close date",
                "agent": "Ticket owner",
            },
            labels=("Pipeline",),
        ),
    ),
)

STRIPE_PAYMENTS = Shape(
    name="stripe",
    title="Stripe payments",
    signature=("id", "Created (UTC)|Created date (UTC)", "Amount", "Amount Refunded", "Currency", "Status"),
    signals=(
        Signal(
            kind="order",
            when={"Status": ("Paid", "paid", "succeeded", "Refunded", "refunded", "Partially Refunded")},
            columns={
                "key": "id",
                "order_id": "id",
                "occurred_at": "Created (UTC)|Created date (UTC)",
                "person": "Customer ID|Customer Email",
                "product": "Description",
                "amount": "Amount",
                "refunded": "Amount Refunded",
                "currency": "Currency",
                "status": "Status",
            },
            labels=("Card Address Country", "Card Issue Country"),
        ),
    ),
)

STRIPE_SUBSCRIPTIONS = Shape(
    name="stripe",
    title="Stripe subscriptions",
    signature=(
        "id",
        "Customer ID",
        "Plan|Plan Name|Product",
        "Interval",
        "Amount",
        "Start (UTC)|Start Date (UTC)|Created (UTC)",
    ),
    signals=(
        Signal(
            kind="subscription",
            columns={
                "key": Expression(text=("id",), with_=""),
                "subscription": "id",
                "occurred_at": "Start (UTC)|Start Date (UTC)|Created (UTC)",
                "person": "Customer ID|Customer Email",
                "change": fixed("start"),
                "plan": "Plan|Plan Name|Product",
                "amount": "Amount",
                "every": "Interval",
                "currency": "Currency",
                "until": "Current Period End (UTC)",
            },
        ),
        Signal(
            kind="subscription",
            when={"Ended At (UTC)|Canceled At (UTC)": Test(empty=False)},
            columns={
                "key": Expression(text=("id", "Ended At (UTC)|Canceled At (UTC)")),
                "subscription": "id",
                "occurred_at": "Ended At (UTC)|Canceled At (UTC)",
                "person": "Customer ID|Customer Email",
                "change": fixed("end"),
                "plan": "Plan|Plan Name|Product",
                "every": "Interval",
                "currency": "Currency",
                "reason": "Cancellation Reason",
            },
        ),
    ),
)

JIRA = Shape(
    name="jira",
    title="Jira issues",
    signature=("Issue key|Key", "Issue Type", "Status", "Created", "Summary"),
    signals=(
        Signal(
            kind="contact",
            columns={
                "key": "Issue key|Key",
                "occurred_at": "Created",
                "version_at": "Updated",
                "person": "Reporter Id|Reporter|Creator",
                "account": "Custom field (Organizations)|Organizations",
                "channel": "Custom field (Request channel type)",
                "area": "Component/s|Components|Project name|Project key",
                "issue": "Custom field (Request Type)|Issue Type",
                "status": "Status",
                "priority": "Priority",
                "subject": "Summary",
                "verbatim": "Description",
                "solved_at": "Resolved",
                "agent": "Assignee",
            },
            labels=("Project key", "Resolution"),
        ),
    ),
)

SERVICENOW = Shape(
    name="servicenow",
    title="ServiceNow incidents",
    signature=(
        "number",
        "opened_at|sys_created_on|sys_created_at|Opened",
        "caller_id|Caller",
        "state|incident_state|State",
        "category|assignment_group",
    ),
    signals=(
        Signal(
            kind="contact",
            columns={
                "key": "number",
                "occurred_at": "opened_at|Opened|sys_created_on|sys_created_at",
                "version_at": "sys_updated_on|sys_updated_at|Updated",
                "person": "caller_id|Caller",
                "account": "company|Company",
                "channel": "contact_type|Channel",
                "area": "category|Category",
                "issue": "subcategory|Subcategory",
                "status": "incident_state|state|State",
                "priority": "priority|Priority",
                "subject": "short_description|Short description",
                "verbatim": "description|Description",
                "solved_at": "resolved_at|Resolved|closed_at|Closed",
                "reopened": "reopen_count|Reopen count",
                "handovers": "reassignment_count|Reassignment count",
                "agent": "assigned_to|Assigned to",
            },
            labels=("location", "assignment_group", "made_sla", "impact", "urgency"),
        ),
    ),
)

EXPORTS = (
    ZENDESK,
    INTERCOM,
    INTERCOM_RATINGS,
    HUBSPOT,
    STRIPE_SUBSCRIPTIONS,
    STRIPE_PAYMENTS,
    JIRA,
    SERVICENOW,
)
