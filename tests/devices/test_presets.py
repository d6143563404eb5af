"""Presets: every number has a source, and a configuration overrides what it names and nothing else."""

import pytest

from memramp.devices import (
    ConstantNoise,
    Device,
    DeviceConfig,
    NoNoise,
    ProportionalNoise,
    UniformNoise,
    load_preset,
    preset_description,
    preset_names,
    preset_sources,
    resolve_device,
)
from memramp.errors import InputError


def test_the_three_presets_hold_the_documented_values():
    assert preset_names() == ["readc_taox", "yang2025_150us", "yang2025_50us"]
    assert load_preset("yang2025_150us") == Device(
        g_min=0, g_max=150, prog_noise=ConstantNoise(sigma=2.67), read_noise=ConstantNoise(sigma=3.5)
    )
    assert load_preset("yang2025_50us") == Device(
        g_min=0, g_max=50, prog_noise=ConstantNoise(sigma=2.6), read_noise=ConstantNoise(sigma=3.5)
    )
    assert load_preset("readc_taox") == Device(
        g_min=100, g_max=400, prog_noise=UniformNoise(half_width=5), read_noise=ConstantNoise(sigma=0.35)
    )


@pytest.mark.parametrize("name", preset_names())
def test_every_number_of_a_preset_has_a_source_and_a_condition(name):
    sources = preset_sources(name)
    assert {"g_min", "g_max"} < set(sources)
    assert any(key.startswith("prog_noise.") for key in sources)
    assert any(key.startswith("read_noise.") for key in sources)
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
        ({"preset": "yang"}, "unknown device preset 'yang', allowed: readc_taox, yang2025_150us, yang2025_50us"),
        ({"preset": "../presets/readc_taox"}, "unknown device preset"),
        ({"preset": "readc_taox", "prog_noise": {"sigma": 5}}, "kind 'uniform' takes half_width, found 'sigma'"),
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
