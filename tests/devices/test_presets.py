"""Presets: every number has a source, and a configuration overrides what it names and nothing else."""

import numpy as np
import pytest

from memramp.config import StrictModel, validate
from memramp.devices import (
    ConstantNoise,
    Device,
    DeviceConfig,
    NoNoise,
    PolynomialNoise,
    ProportionalNoise,
    UniformNoise,
    load_preset,
    override_device,
    preset_description,
    preset_names,
    preset_sources,
    resolve_device,
)
from memramp.errors import InputError

VALUE = {"value": 3.0, "unit": "uS", "source": "ours", "condition": "at room temperature", "status": "measured"}


def test_the_presets_hold_the_documented_values():
    assert preset_names() == [
        "alox_hfo2_woo2016",
        "pcm_joshi2020",
        "readc_taox",
        "readc_taox_table",
        "readc_taox_write_verify",
        "reram_falcone2025",
        "reram_wan2022",
        "yang2025_150us",
        "yang2025_50us",
    ]
    assert load_preset("yang2025_150us") == Device(
        g_min=0, g_max=150, prog_noise=ConstantNoise(sigma=2.67), read_noise=ConstantNoise(sigma=3.5)
    )
    assert load_preset("yang2025_50us") == Device(
        g_min=0, g_max=50, prog_noise=ConstantNoise(sigma=2.6), read_noise=ConstantNoise(sigma=3.5)
    )
    assert load_preset("readc_taox") == Device(
        g_min=100, g_max=400, prog_noise=UniformNoise(half_width=5), read_noise=ConstantNoise(sigma=0.35)
    )
    pcm = load_preset("pcm_joshi2020")
    assert (pcm.g_min, pcm.g_max) == (0.0, 25.0)
    assert pcm.prog_noise == PolynomialNoise(coefficients=(0.26348, 1.9650, -1.1731), g_ref=25.0)


def test_the_table_of_readc_has_the_measured_standard_deviations_within_the_verify_window():
    noise = load_preset("readc_taox_table").prog_noise
    targets = [100, 150, 200, 250, 300, 350, 400]
    np.testing.assert_allclose(noise.std(targets), [2.42, 2.64, 2.98, 2.79, 2.81, 2.63, 2.84], atol=0.0005)
    np.testing.assert_allclose(noise.mean(targets), 0.0, atol=1e-12)
    np.testing.assert_array_equal(noise.window(targets), 5.0)


def test_published_numbers_of_other_presets():
    wan = load_preset("reram_wan2022")
    assert wan.prog_noise.std(40.0) == pytest.approx(0.348 + 16.030 - 43.853 + 45.393 - 16.815)
    falcone = load_preset("reram_falcone2025")
    assert 0.009 < falcone.prog_noise.std(9.0) < 0.011  # "programming noise down to 10 nS"
    woo = load_preset("alox_hfo2_woo2016")
    assert woo.g_max == pytest.approx(1e6 / 16.9e3, abs=0.005)
    assert woo.g_max / woo.g_min == pytest.approx(4.43, abs=0.005)


@pytest.mark.parametrize("name", preset_names())
def test_every_number_of_a_preset_has_a_source_and_a_condition(name):
    sources, device = preset_sources(name), load_preset(name)
    assert {"g_min", "g_max"} < set(sources)
    for block in ("prog_noise", "read_noise"):
        assert any(key.startswith(f"{block}.") for key in sources) or getattr(device, block).kind == "none"
    for entry in sources.values():
        assert "doi" in entry.source or entry.source.startswith("our choice")
        assert entry.status == "reconstructed" or "doi" in entry.source
        assert len(entry.condition) > 10
    assert preset_description(name)


def test_a_noise_override_without_kind_keeps_the_kind():
    made = resolve_device({"preset": "yang2025_150us", "prog_noise": {"sigma": "5 uS"}})
    assert made.prog_noise.sigma == pytest.approx(5.0)
    assert made.read_noise == load_preset("yang2025_150us").read_noise


def test_a_noise_override_with_the_same_kind_keeps_the_other_keys():
    made = resolve_device({"preset": "yang2025_150us", "prog_noise": {"kind": "constant"}})
    assert made == load_preset("yang2025_150us")


def test_a_noise_override_with_another_kind_replaces_the_block():
    made = resolve_device({"preset": "yang2025_150us", "prog_noise": {"kind": "proportional", "fraction": 0.02}})
    assert made.prog_noise == ProportionalNoise(fraction=0.02)
    assert resolve_device({"preset": "readc_taox", "read_noise": {"kind": "none"}}).read_noise == NoNoise()


def test_other_keys_override_one_by_one():
    made = resolve_device(DeviceConfig(preset="readc_taox", g_min=50.0, stuck_off_rate=0.01))
    assert (made.g_min, made.g_max, made.stuck_off_rate) == (50.0, 400.0, 0.01)


def test_all_keys_inline_need_no_preset():
    made = resolve_device({"g_min": "1 uS", "g_max": "100 uS", "read_noise": {"kind": "constant", "sigma": 1}})
    assert made == Device(g_min=1, g_max=100, read_noise=ConstantNoise(sigma=1))


def test_a_preset_does_not_remember_overrides():
    resolve_device({"preset": "readc_taox", "prog_noise": {"half_width": 1}})
    assert load_preset("readc_taox").prog_noise == UniformNoise(half_width=5)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"preset": "yang"}, "unknown device preset 'yang', allowed: alox_hfo2_woo2016, .*, yang2025_50us"),
        ({"preset": "no.yaml"}, "no.yaml: no such file"),
        ({"preset": "readc_taox", "prog_noise": {"half_width": VALUE | {"unit": "V"}}}, "'prog_noise.half_width'.*uS"),
        ({"preset": "readc_taox", "prog_noise": {"half_width": VALUE | {"unit": "m"}}}, "half_width: 'unit'.*'m'"),
        ({"preset": "readc_taox", "prog_noise": {"half_width": {"value": 3}}}, "half_width: the key 'unit' is missing"),
        ({"preset": "readc_taox", "prog_noise": {"kind": ["none"]}}, "'prog_noise.kind' is .*, allowed: 'none'"),
        ({"preset": "readc_taox", "prog_noise": 5}, "prog_noise"),
        ({"preset": "../presets/readc_taox"}, "unknown device preset"),
        ({"preset": "readc_taox", "prog_noise": {"sigma": 5}}, "kind 'uniform' takes half_width, found 'sigma'"),
        (
            {"preset": "readc_taox", "prog_noise": {"sigma": 5}},
            "the kind is the preset's, the key is the file's own; 'prog_noise=null' drops the file's block",
        ),
        ({"preset": "readc_taox", "read_noise": {"kind": "none", "sigma": 5}}, "'none' takes no further key, found"),
        ({"preset": "readc_taox", "prog_noise": {"sgma": 5}}, "unknown key 'prog_noise.sgma'"),
        ({"preset": "readc_taox", "prog_noise": {"half_width": "5 V"}}, "expected the unit uS"),
        ({"preset": "readc_taox", "g_max": 50}, "g_min must lie below g_max, found 100 uS and 50 uS"),
        ({"preset": "readc_taox", "stuck_off_rate": 0.8, "stuck_on_rate": 0.3}, "together are at most 1"),
        ({"g_min": 0, "g_max": 10, "prog_noise": {"sigma": 1}}, "'prog_noise' needs the key 'kind'"),
        ({"g_min": 0, "g_max": 10, "prog_noise": {"kind": "constant"}}, "prog_noise.*sigma' is missing"),
        ({"g_min": 0}, "the key 'g_max' is missing"),
        ({}, "the key 'g_min' is missing"),
        ({"presett": "readc_taox"}, r"unknown key 'presett' \(did you mean 'preset'\?\)"),
    ],
)
def test_a_wrong_device_block_is_refused_in_one_sentence(block, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve_device(block)
    assert "\n" not in str(caught.value)


def test_values_may_carry_their_sources():
    block = {"description": "ours", "g_min": 0, "g_max": VALUE, "prog_noise": {"kind": "constant", "sigma": VALUE}}
    assert resolve_device(block) == Device(g_min=0, g_max=3.0, prog_noise=ConstantNoise(sigma=3.0))
    assert resolve_device({"preset": "readc_taox", "prog_noise": {"half_width": VALUE}}).prog_noise.half_width == 3.0


def test_a_file_stands_for_a_preset(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("preset: readc_taox\nprog_noise: {half_width: 3 uS}\n")
    made = resolve_device({"preset": str(path), "stuck_off_rate": 0.1})
    assert made.prog_noise == UniformNoise(half_width=3.0)
    assert (made.g_max, made.stuck_off_rate) == (400.0, 0.1)


def test_files_that_are_their_own_preset_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, preset in (("a", "a.yaml"), ("b", "c.yaml"), ("c", "b.yaml")):
        (tmp_path / f"{name}.yaml").write_text(f"preset: {preset}\n")
    for name, loop in (("a", "a.yaml -> a.yaml"), ("b", "b.yaml -> c.yaml -> b.yaml")):
        with pytest.raises(InputError, match=f"^device: 'preset' must not lead back to itself, found {loop}$"):
            resolve_device({"preset": f"{name}.yaml"})


def test_files_may_be_presets_of_each_other_only_so_deep(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k in range(12):
        (tmp_path / f"{k}.yaml").write_text(f"preset: {k + 1}.yaml\n" if k < 11 else "preset: readc_taox\n")
    assert load_preset("3.yaml") == load_preset("readc_taox")
    with pytest.raises(InputError, match="more than 10 files are each the preset of another"):
        load_preset("0.yaml")


def test_a_name_in_place_of_the_block_is_refused_with_what_was_meant():
    class Holder(StrictModel):
        device: DeviceConfig

    message = "'device' must be a block of keys, found 'my.yaml'; a preset or a file is named by 'device.preset'"
    with pytest.raises(InputError, match=message):
        validate(Holder, {"device": "my.yaml"}, "a.yaml")


def test_a_block_remembers_what_was_given_in_the_units_of_the_device():
    block = validate(DeviceConfig, {"preset": "readc_taox", "prog_noise": {"half_width": "0.003 mS"}}, "device")
    assert block.model_dump(exclude_none=True) == {"preset": "readc_taox", "prog_noise": {"half_width": 3.0}}


def test_a_device_is_overridden_key_by_key():
    base = load_preset("readc_taox")
    assert override_device(base, {"prog_noise": {"half_width": 1}}, "x").prog_noise == UniformNoise(half_width=1)
    assert override_device(base, {}, "x") == base
    with pytest.raises(InputError, match=r"^x: unknown key 'prog_noise.sgma' \(did you mean 'sigma'\?\)"):
        override_device(base, {"prog_noise": {"sgma": 1}}, "x")
    with pytest.raises(InputError, match=r"^x: 'prog_noise.half_width'"):
        override_device(base, {"prog_noise": {"half_width": -1}}, "x")
