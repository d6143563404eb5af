from typing import Annotated, Literal

import pytest
from pydantic import Field

from memramp.config import StrictModel, parse_yaml, read_yaml, validate
from memramp.errors import InputError
from memramp.quantities import NonNegativeMicrosiemens


class Constant(StrictModel):
    kind: Literal["constant"] = "constant"
    sigma: NonNegativeMicrosiemens = 0.0


class Off(StrictModel):
    kind: Literal["none"] = "none"


class Inner(StrictModel):
    bits: Annotated[int, Field(ge=1, le=12)] = 5
    noise: Annotated[Constant | Off, Field(discriminator="kind")] = Off()


class Outer(StrictModel):
    inner: Inner = Inner()
    name: str


def told(data, match):
    with pytest.raises(InputError, match=match) as caught:
        validate(Outer, data, "file.yaml")
    assert str(caught.value).startswith("file.yaml: ")
    assert "\n" not in str(caught.value)


def test_unknown_key_offers_the_nearest():
    told({"name": "x", "inner": {"bitz": 3}}, r"unknown key 'inner.bitz' \(did you mean 'bits'\?\)")


def test_a_value_in_place_of_a_block_is_told():
    told({"name": "x", "inner": 3}, "'inner' must be a block of keys, found 3$")
    told({"name": "x", "inner": {"noise": "none"}}, "'inner.noise' must be a block of keys, found 'none'$")


def test_unknown_key_without_a_near_one_lists_the_allowed():
    told({"name": "x", "zzz": 3}, r"unknown key 'zzz' \(allowed: inner, name\)")


def test_missing_key_is_named():
    told({}, "the key 'name' is missing")


def test_value_out_of_range_tells_what_was_found_and_what_is_allowed():
    told({"name": "x", "inner": {"bits": 40}}, r"'inner.bits': .*less than or equal to 12, found 40")


def test_wrong_unit_is_told():
    told({"name": "x", "inner": {"noise": {"kind": "constant", "sigma": "3 V"}}}, "expected the unit uS, found '3 V'")


def test_negative_noise_is_told():
    told({"name": "x", "inner": {"noise": {"kind": "constant", "sigma": "-1 uS"}}}, "greater than or equal to 0")


def test_unknown_kind_lists_the_kinds():
    told({"name": "x", "inner": {"noise": {"kind": "pink"}}}, "'pink', allowed: 'constant', 'none'")


def test_missing_kind_is_told():
    told({"name": "x", "inner": {"noise": {"sigma": 1}}}, "needs the key 'kind'")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30:00", "12:30:00"),
        ("1e-6", 1e-6),
        ("0o17", "0o17"),
        ("017", 17),
        ("1_000", "1_000"),
        ("true", True),
        ("~", None),
        ("", None),
        ("-3", -3),
        (".5", 0.5),
        ("2024-01-01", "2024-01-01"),
        (".inf", ".inf"),
    ],
)
def test_scalars_mean_what_they_say(text, value):
    parsed = parse_yaml(text, "text")
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' stands twice"),
        ("a: [1, 2\n", "line 2: "),
        ("a: &x [1]\nb: *x\n", "line 2: aliases"),
        ("a: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
        ("1: a\n", "keys are text, found 1"),
        ("- 1\n- 2\n", "expected 'key: value' lines"),
        ("", "expected 'key: value' lines, found None"),
        ("a: \t\x00\n", "not YAML"),
        ("a: " + "[" * 5000, "nested too deeply|not YAML|line"),
    ],
)
def test_broken_files_are_told_with_the_line(tmp_path, text, match):
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=match) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path))


def test_file_that_is_missing_binary_or_huge_is_told(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_yaml(tmp_path / "absent.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_yaml(tmp_path / "binary.yaml")
    (tmp_path / "huge.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(InputError, match="too large"):
        read_yaml(tmp_path / "huge.yaml")
    with pytest.raises(InputError, match="directory"):
        read_yaml(tmp_path)
