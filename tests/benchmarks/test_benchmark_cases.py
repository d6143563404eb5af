"""What is timed is what is checked: the checks of the table of cases, and the table's own consistency."""

import pytest

from benchmarks.cases import CASES
from benchmarks.worker import works
from benchmarks.workers import MODULES

CHECKS = {case.check.__name__: case.check for case in CASES}


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_timed_agrees_with_a_slow_reference(name):
    CHECKS[name]()


def test_names_are_unique_and_bars_name_contenders_of_their_case():
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        names = [contender.name for contender in case.contenders]
        assert len(set(names)) == len(names)
        assert {bar.of for bar in case.bars} | {bar.against for bar in case.bars} <= {*names, None}


def test_the_worker_knows_the_work_of_every_contender():
    known = works()
    for case in CASES:
        for contender in case.contenders:
            assert contender.library in MODULES
            assert contender.library != "memramp" or contender.work in known
