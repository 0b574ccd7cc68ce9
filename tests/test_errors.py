"""One error shape, suggestions for unknown names, and a next step in every error."""

import ast
from pathlib import Path

from regard.errors import BadInput, Busy, Damaged, MissingDeclaration, NotPermitted, Refusal, RegardError, UnknownName

SOURCE = Path(__file__).parents[1] / "src" / "regard"


def test_every_error_has_one_shape():
    for error in (
        BadInput("a", where="b", hint="c"),
        UnknownName("x", "y", ["z"]),
        MissingDeclaration("value.kind", "w"),
    ):
        told = error.as_json()

        assert set(told) == {"error"}
        assert set(told["error"]) == {"kind", "message", "where", "hint"}
        assert told["error"]["kind"] == type(error).__name__


def test_an_unknown_name_suggests_the_nearest():
    assert UnknownName("dimension", "regin", ["region", "plan"]).hint == "Did you mean region?"


def test_an_unknown_name_far_from_all_lists_what_is_known():
    assert "plan" in UnknownName("dimension", "zzz", ["region", "plan"]).hint


def test_exit_codes_tell_the_outcomes_apart():
    assert (
        RegardError.exit_code,
        BadInput.exit_code,
        Refusal.exit_code,
        Damaged.exit_code,
        NotPermitted.exit_code,
        Busy.exit_code,
    ) == (1, 2, 3, 4, 5, 6)


def test_the_tree_in_the_docstring_is_the_tree_in_the_code():
    import regard.errors as module

    names = [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, RegardError)]

    assert [n for n in names if n not in (module.__doc__ or "")] == []


def test_every_bad_input_in_the_code_says_where_or_what_next():
    silent = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            told = isinstance(node, ast.Call) and getattr(node.func, "id", "") in {
                "BadInput",
                "Refusal",
                "Damaged",
                "Busy",
            }
            if told and not {k.arg for k in node.keywords} & {"where", "hint"}:
                silent.append(f"{path.relative_to(SOURCE)}:{node.lineno}")

    assert silent == []
