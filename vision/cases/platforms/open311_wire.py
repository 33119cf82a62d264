"""Open311's two spellings, XML and JSON, read into the same plain records."""

import json
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

Record = dict[str, Any]
_LISTS = {"services", "service_requests", "errors", "attributes", "values", "service_request_updates"}


def records(body: bytes, format_: str) -> list[Record]:
    """The records of an answer; a service definition is one record with its attributes as a list.

    Every value is a string ("" for none), since servers disagree on numbers and quotes.

    Raises:
        ValueError: not in that format, or not of that shape.
    """
    if format_ == "json":
        document = json.loads(body)
        items = document if isinstance(document, list) else [document]
    else:
        items = _from_xml(body)
    if not all(isinstance(item, dict) for item in items):
        raise ValueError("should be a list of records")
    return [{key: _plain(value) for key, value in item.items()} for item in items]


def _from_xml(body: bytes) -> list[Any]:
    try:
        root = fromstring(body)
    except (ParseError, DefusedXmlException) as error:
        raise ValueError(f"not XML: {error}") from error
    value = _element(root)
    return value if isinstance(value, list) else [value]


def _element(element: Element) -> Any:
    """A list for the known plurals, a record where there are children, else the text."""
    name = element.tag.rpartition("}")[2]
    if name in _LISTS:
        return [_element(child) for child in element]
    if len(element):
        return {child.tag.rpartition("}")[2]: _element(child) for child in element}
    return (element.text or "").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [{key: _plain(item) for key, item in part.items()} if isinstance(part, dict) else part for part in value]
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)
