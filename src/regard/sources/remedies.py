"""What to change in the code that sends, for each reason an item is not stored."""

from __future__ import annotations

REMEDIES = {
    "id_missing": "Give the id of the person: userId or anonymousId (Segment), distinct_id (PostHog), person (native). "
    "Do not send before somebody is known, or let the client make an anonymous id.",
    "name_missing": "Give it a name: the first argument of track or capture; of a span or metric, its own.",
    "field_missing": "Give the field the reason names.",
    "unknown_kind": "Use one of the kinds of signal; an event is kind: event.",
    "unknown_field": "Correct the field's name, or put your own fields under labels.",
    "unknown_type": "Use one of track, identify, group, page, screen, alias.",
    "bad_time": "Let the client set the time, or format it with a library.",
    "wrong_type": "Send the field in the type the reason names.",
    "id_too_long": "Send the id itself; put anything longer into a property.",
    "item_too_large": "Send fewer or shorter properties with each event.",
    "too_deep": "Flatten the properties: objects in objects in objects say nothing here.",
    "too_many_keys": "Send fewer properties with each event.",
    "too_large": "Send smaller batches.",
    "too_many": "Send smaller batches.",
    "too_packed": "Send smaller batches.",
    "too_slow": "Send smaller batches, or from a faster connection.",
    "empty": "Send at least one item in the body.",
    "not_json": "Send JSON, made by a library rather than by hand.",
    "not_utf8": "Encode texts as UTF-8.",
    "nul": "Take NUL characters out of texts.",
    "lone_surrogate": "Cut texts at whole characters, not in the middle of one.",
    "not_a_number": "Send null, or nothing, instead of NaN and Infinity.",
    "number_out_of_range": "Send a number of ordinary size, or a text.",
    "not_a_form": "Send JSON, or the form PostHog's clients send.",
    "not_packed": "Say the packing in Content-Encoding only where the body is packed so.",
    "unknown_packing": "Pack with gzip, or not at all.",
    "not_taken": "Nothing in the code, unless it goes on sending somebody who was erased: see Held back.",
    "inner_span": "Nothing, if only requests served matter; else name the span in opentelemetry.events, give it "
    'user.id, or declare spans = "all" under [opentelemetry].',
    "plain_log": "Nothing, if only events and failures matter; else name an event in the record, or declare logs = "
    '"info" under [opentelemetry].',
    "no_value": "Nothing: the exporter says itself that the point has no value.",
    "not_protobuf": "Send what an OpenTelemetry exporter writes, with its Content-Type.",
    "future": "Set the clock of the machine that sends, or send sentAt so that it is corrected; "
    "then decide under Held back.",
    "shared_id": "Do not alias an id that stands for nobody, such as guest; then decide under Held back.",
    "id_conflict": "Give each event a message id of its own; the same id is for sending the same event again.",
}
OTHERWISE = "Correct what the reason names and send it again."
DUPLICATE = "Nothing: it was sent again and is stored once."


def remedy(outcome: str, code: str) -> str:
    """What to change in the code, for an item that met an outcome for a reason; nothing for one that is stored."""
    if outcome == "stored":
        return ""
    return DUPLICATE if outcome == "duplicate" else REMEDIES.get(code, OTHERWISE)
