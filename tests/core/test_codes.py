import pytest

from vision.core.codes import STANDARDS, read_standard, standard
from vision.core.errors import ConfigError
from vision.core.findings import Subtype


@pytest.mark.parametrize("ref", STANDARDS)
def test_every_shipped_standard_is_whole(ref: str) -> None:
    table = standard(ref)
    for subtype in Subtype:
        event = table.event(subtype)
        assert event.standard_ref == ref
        assert event.source
        condition = table.condition(subtype, "A")
        assert condition is not None
        assert condition.limit > 0


def test_the_generations_do_not_mix() -> None:
    codes = {ref: standard(ref).event(Subtype.OUT_OF_STORE).code for ref in STANDARDS}
    assert codes == {"cjt214": "0504", "gbt30428-2013": "0405", "gbt47678-2026": "09005"}
    assert standard("gbt47678-2026").event(Subtype.OVERFLOW).name == "垃圾满溢"


def test_a_citys_own_row_goes_first() -> None:
    table = standard("gbt30428-2013", {Subtype.OVERFLOW: ("0193", "垃圾满溢")})
    assert (table.event(Subtype.OVERFLOW).code, table.event(Subtype.SPILL).code) == ("0193", "0114")


def test_an_area_has_its_own_limit() -> None:
    events = "subtype,code,name,confidence,source\n" + "".join(f"{s.value},0101,{s.value},H,x\n" for s in Subtype)
    conditions = (
        "name,area,filing_condition,closing_condition,limit,unit,source\n"
        "spill,*,a,b,8,work_hours,x\nspill,A,a,b,2,urgent_hours,x\n"
    )
    table = read_standard("own", events, conditions)
    limits = [table.condition(Subtype.SPILL, area) for area in ("A", "C")]
    assert [(c.limit, c.unit) for c in limits if c] == [(2.0, "urgent_hours"), (8.0, "work_hours")]
    assert table.condition(Subtype.OVERFLOW) is None


def test_every_bad_row_is_told() -> None:
    events = "subtype,code,name,confidence,source\nflood,01,Flood,H,x\nspill,abc,Spill,H,x\nspill,0114,,H,x\n"
    conditions = (
        "name,area,filing_condition,closing_condition,limit,unit,source\n"
        ",A,a,b,1,days,x\nspill,D,a,b,1,days,x\nspill,A,a,b,1,moons,x\nspill,A,a,b,-1,days,x\n"
    )
    with pytest.raises(ConfigError) as told:
        read_standard("own", events, conditions)
    assert len(told.value.problems) == 7
    assert told.value.problems[0].startswith("events.csv:2: subtype: should be one of")


def test_missing_columns_and_unknown_standards_are_told() -> None:
    with pytest.raises(ConfigError, match="lacks the columns name"):
        read_standard("own", "subtype,code,confidence,source\n")
    with pytest.raises(ConfigError, match="has no row for"):
        read_standard("own", "subtype,code,name,confidence,source\nspill,0114,Spill,H,x\n")
    with pytest.raises(ConfigError, match="gb99: has no row for"):
        standard("gb99")


def test_a_citys_conditions_replace_those_of_the_events_they_name() -> None:
    rows = "name,area,filing_condition,closing_condition,limit,unit,source\n店外经营,A,a,b,1,urgent_hours,x\n"
    table = standard(conditions=rows)
    own = table.condition(Subtype.OUT_OF_STORE, "A")
    assert own is not None
    assert own.limit == 1.0
    assert table.condition(Subtype.OUT_OF_STORE, "B") is None  # its own rows only
    assert table.condition(Subtype.SPILL, "B") is not None
    with pytest.raises(ConfigError, match=r"conditions\.csv:2: area"):
        standard(conditions=rows.replace(",A,", ",Z,"))


def test_a_standard_that_is_wholly_a_citys_own() -> None:
    rows = {subtype: ("06" + str(n), subtype.value) for n, subtype in enumerate(Subtype)}
    assert standard("city-2026", rows).event(Subtype.SPILL).standard_ref == "city-2026"
