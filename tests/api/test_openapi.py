"""The OpenAPI document explains itself: every operation says what it does, every body shows an example that is good."""

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.api.city import make_city

PREFIX = "/api/v1"
ANSWERS = (
    "Accepted",
    "IncidentItem",
    "IncidentPage",
    "NewLink",
    "Problem",
    "Session",
    "Shift",
    "SpeakerItem",
)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    city = make_city(tmp_path_factory.mktemp("openapi"))
    described = city.app().openapi()
    city.close()
    return described


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        if path.startswith(PREFIX):
            for method, operation in methods.items():
                yield f"{method.upper()} {path}", operation


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def test_every_operation_has_a_summary_and_tells_how_it_refuses(document: dict[str, Any]) -> None:
    for label, operation in operations(document):
        assert operation.get("summary"), label
        assert operation["tags"], label
        refusals = [code for code in operation["responses"] if code[0] == "4"]
        assert refusals, label


def test_every_body_shows_an_example_that_is_good(document: dict[str, Any]) -> None:
    seen = 0
    for label, operation in operations(document):
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            if not media_type.endswith("json"):
                assert content["schema"].get("description"), label
                continue
            schema = content["schema"]
            name = schema.get("$ref", "").rpartition("/")[2]
            own = document["components"]["schemas"].get(name, schema)
            inline = [one["value"] for one in content.get("examples", {}).values()]
            examples = own.get("examples") or inline or schema.get("examples")
            assert examples, f"{label} shows no example of its body"
            for example in examples:
                errors = [error.message for error in validator(document, schema).iter_errors(example)]
                assert errors == [], label
                seen += 1
    assert seen > 25


@pytest.mark.parametrize("name", ANSWERS)
def test_the_main_answers_show_an_example_that_is_good(document: dict[str, Any], name: str) -> None:
    schema = document["components"]["schemas"][name]
    for example in schema["examples"]:
        assert [error.message for error in validator(document, schema).iter_errors(example)] == []
