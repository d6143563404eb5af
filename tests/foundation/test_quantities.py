import pytest
from pydantic import ValidationError

from memramp.config import StrictModel
from memramp.quantities import Hertz, NonNegativeMicrosiemens, Ohms, Seconds, Volts, parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [("2.67 uS", 2.67), ("2.67e-6 S", 2.67), ("150uS", 150.0), ("0.15 mS", 150.0), ("5", 5.0), ("1e-6", 1e-6), (3, 3),
     ("5e0 uS", 5.0), ("2.5e1 uS", 25.0), ("5 µS", 5.0), ("5 μS", 5.0), ("+.5uS", 0.5)],
)
def test_conductances_become_microsiemens(text, number):
    assert parse_quantity(text, "S", "u") == pytest.approx(number, rel=1e-12)


def test_written_microsiemens_stay_exact():
    # Multiplying by 1e6 would give 2.6699999999999999.
    assert [parse_quantity(f"{x} uS", "S", "u") for x in (2.67, 3.5, 75, 724.5)] == [2.67, 3.5, 75.0, 724.5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3 V", "expected the unit uS, found '3 V' in V"),
        ("10u", "without a unit"),
        ("abc", "expected a quantity"),
        ("", "expected a quantity"),
        ("inf", "expected a quantity"),
        ("nan uS", "expected a quantity"),
        ("1e999 uS", "finite"),
        ("5,0 uS", "expected a quantity"),
        ("1_000 uS", "expected a quantity"),
        ("5 uS extra", "expected a quantity"),
        (True, "expected a quantity"),
        (None, "expected a quantity"),
        ([1], "expected a quantity"),
    ],
)
def test_wrong_quantities_are_told(text, message):
    with pytest.raises(ValueError, match=message):
        parse_quantity(text, "S", "u")


class Block(StrictModel):
    g: NonNegativeMicrosiemens = 0.0
    v: Volts = 0.0
    t: Seconds = 0.0
    f: Hertz = 1.0


def test_units_of_a_configuration_block():
    block = Block.model_validate({"g": "5 uS", "v": "200 mV", "t": "32 ns", "f": "1 GHz"})
    assert (block.g, block.v, block.f) == (5.0, pytest.approx(0.2), pytest.approx(1e9))
    assert block.t == pytest.approx(32e-9)


@pytest.mark.parametrize("bad", [{"g": "-1 uS"}, {"f": "0 Hz"}, {"v": "1 A"}, {"t": "5 m"}])
def test_bad_values_of_a_block_are_refused(bad):
    with pytest.raises(ValidationError):
        Block.model_validate(bad)


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [("300 K", "K", 300.0), ("300", "K", 300.0), ("500 mK", "K", 0.5), ("4 pF", "F", 4e-12), ("32 ns", "s", 3.2e-8)],
)
def test_other_units(text, unit, number):
    assert parse_quantity(text, unit) == number  # a K alone is kelvin, not kilo


def test_resistances_are_read_in_both_spellings_and_refused_below_zero():
    class Wire(StrictModel):
        r: Ohms

    assert [Wire(r=text).r for text in ("1.5 ohm", "1.5 Ohm", 1.5, "2 kohm", "2 kOhm")] == [1.5, 1.5, 1.5, 2e3, 2e3]
    for bad in (-1, "nan", "1 S", "1e10"):
        with pytest.raises(ValidationError):
            Wire(r=bad)
