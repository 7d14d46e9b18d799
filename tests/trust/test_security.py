"""SECURITY.md names the ten risks, and tests that there are."""

from __future__ import annotations

import re

import pytest
from conftest import ROOT

SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
RISKS = re.findall(r"^\| (API\d+):2023 .*", SECURITY, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`((?:\w+/)?test_\w+\.py)::(test_\w+)`", SECURITY)))


def test_all_ten_risks_are_answered_with_tests():
    assert [f"API{number}" for number in range(1, 11)] == RISKS
    for line in SECURITY.splitlines():
        if line.startswith("| API"):
            assert "test_" in line, line


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_is_named_exists(file, name):
    assert f"\ndef {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_every_test_is_named_in_the_one_way_that_is_checked():
    rest = re.sub(r"`(tests/\w+/test_\w+\.py|(\w+/)?test_\w+\.py::test_\w+)`", "", SECURITY)
    assert "test_" not in rest


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_it_is_linked_from_where_people_look(document):
    assert "](SECURITY.md)" in (ROOT / document).read_text(encoding="utf-8")
