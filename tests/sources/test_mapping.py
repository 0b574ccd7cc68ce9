from __future__ import annotations

import pytest

from regard.errors import BadInput, UnknownName
from regard.sources.mapping import read_mapping
from regard.sources.writing import write_mapping

WHOLE = """
name = "shop"
zone = "Europe/Paris"

[inputs.customers]
files = "customers.csv"

[inputs.orders]
files = ["orders-*.csv", "old.csv"]
decimal = ","
times = "%d/%m/%Y"
header = 1
join = [{ with = "customers", on = { buyer = "id" }, as = "who" }]

[inputs.threads]
from = "orders"
by = "thread"
[inputs.threads.columns]
answered = { min = "sent_at", when = { role = ["agent", "bot"], n = { above = 1 } } }

[[signal]]
kind = "order"
from = "orders"
when = { status = { not = ["draft", "test"] }, total = { above = 0 } }
labels = { region = "who.region", size = { column = "n", map = { 1 = "one" }, default = "more" } }
[signal.columns]
key = { text = ["id", "line"], with = "-" }
occurred_at = { column = "paid on", format = ["%d/%m/%Y", "iso"], zone = "UTC" }
amount = { sum = ["price", "freight"], times = 0.01 }
currency = { value = "EUR" }
person = { first = ["customer", "email"] }

[[signal]]
kind = "answer"
from = "threads"
scale = [1, 5]
labels = ["plan"]
[signal.columns]
occurred_at = 2024-05-01T10:00:00Z
[signal.parts]
"how easy?" = "q1"
overall = { score = "q2", verbatim = "why", metric = "nps", scale = [0, 10], whole = true }
"""


def test_a_mapping_written_out_is_read_back_the_same():
    text = WHOLE.replace("occurred_at = 2024-05-01T10:00:00Z", 'occurred_at = { value = "2024-05-01T10:00:00Z" }')

    mapping = read_mapping(text)

    assert read_mapping(write_mapping(mapping)) == mapping
    commented = write_mapping(mapping, reasons={"signal.1": "why\nso", "signal.1.columns.key": "because # it is"})
    assert read_mapping(commented) == mapping
    assert "# why so" in commented


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (('kind = "order"', 'kind = "ordr"'), "Did you mean order"),
        (("amount =", "amuont ="), "Did you mean amount"),
        (('with = "customers"', 'with = "custmers"'), "Did you mean customers"),
        (('from = "threads"', 'from = "thread"'), "Did you mean threads"),
        (("times = 0.01", "tmes = 0.01"), "Did you mean times"),
        (("decimal =", "decimals ="), "Did you mean decimal"),
        (('zone = "Europe/Paris"', 'zone = "Europe/Pariis"'), "No time zone is named"),
        (("header = 1", "header = 5"), "as a mapping needs it"),
        (("scale = [1, 5]", 'scale = "1-5"'), "as a mapping needs it"),
        (('amount = { sum = ["price", "freight"], times = 0.01 }\ncurrency', "currency"), "does not fill amount"),
        (('{ value = "EUR" }', '{ value = "EUR", column = "x" }'), "exactly one of"),
        (("min =", "mean ="), "There is no key named 'mean'"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_nearest_right_name(broken, said):
    text = WHOLE.replace("occurred_at = 2024-05-01T10:00:00Z", 'occurred_at = { value = "2024-05-01" }')
    text = text.replace(*broken, 1)
    line = next(n for n, words in enumerate(text.splitlines(), 1) if broken[1] in words)

    with pytest.raises(BadInput) as caught:
        read_mapping(text, name="m.toml")

    wanted = text.splitlines().index("[[signal]]") + 1 if "does not fill" in said else line
    assert caught.value.where == f"m.toml line {wanted}"
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = shop", "not valid TOML"),
        ("", "makes no signal"),
        ('[[signal]]\nkind = "event"', "does not fill name and occurred_at"),
        ('[inputs.a]\nfrom = "a"\n[[signal]]\nkind = "event"', "made of itself"),
        ('[inputs.a]\nfrom = "b"\nfiles = "x"\n[inputs.b]\n[[signal]]\nkind = "event"', "both files and from"),
    ],
)
def test_a_mapping_that_cannot_work_says_why_and_what_to_do(text, said):
    with pytest.raises(BadInput, match=said) as caught:
        read_mapping(text)

    assert caught.value.hint or isinstance(caught.value, UnknownName)
