from pathlib import Path

import pytest
import yaml

from memramp.errors import InputError
from memramp.experiments import Experiment, load_experiment, shipped_experiments
from memramp.experiments.kinds import load_any
from memramp.experiments.loading import as_text

BASE = """\
memramp: 1
name: x
device: {preset: yang2025_150us}
model: {checkpoint: "net_{activation.levels}_{activation.bits}bit"}
"""


@pytest.fixture
def load(tmp_path):
    def load_text(text: str, *overrides: str):
        path = tmp_path / "x.yaml"
        path.write_text(text)
        return load_experiment(path, overrides)

    return load_text


@pytest.fixture
def refused(load):
    """Return the sentence with which a file is refused."""

    def message(text: str, *overrides: str) -> str:
        with pytest.raises(InputError) as caught:
            load(text, *overrides)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return message


def sweep(over: str) -> str:
    return f"{BASE}sweep: {{over: {{{over}}}}}\n"


def test_a_file_without_sweep_is_one_point(load):
    experiment = load(BASE)
    assert [point.sweep for point in experiment.points] == [{}]
    assert experiment.config.model.checkpoint == "net_midpoint_5bit"
    assert experiment.config.chips == 10


def test_sweep_is_a_grid_in_the_order_written_whose_last_key_is_fastest(load):
    points = load(sweep("activation.levels: [paper, midpoint], activation.bits: [5, 3]")).points
    assert [(p.number, p.config.activation.levels, p.config.activation.bits) for p in points] == [
        (1, "paper", 5),
        (2, "paper", 3),
        (3, "midpoint", 5),
        (4, "midpoint", 3),
    ]


def test_placeholders_take_the_values_of_their_own_point(load):
    points = load(sweep("activation.bits: [3, 4]"), "activation.levels=paper").points
    assert [point.config.model.checkpoint for point in points] == ["net_paper_3bit", "net_paper_4bit"]


def test_placeholder_sees_numbers_of_the_preset(load):
    experiment = load(BASE, "model.checkpoint='net_{device.prog_noise.sigma}uS_{task.kind}'")
    assert experiment.config.model.checkpoint == "net_2.67uS_demo_keywords"


@pytest.mark.parametrize("name", ["foo", "device", "input.bits", "activation.bits.x"])
def test_placeholder_without_a_value_is_refused(refused, name):
    assert f"'model.checkpoint': {{{name}}}" in refused(BASE, f"model.checkpoint='a{{{name}}}b'")


def test_quantities_and_plain_numbers_sweep_alike_and_keep_their_text(load):
    points = load(sweep("device.prog_noise.sigma: [0 uS, 2.67e-6 S, 5, 1e1, 7.5]")).points
    assert [point.hardware.device.prog_noise.sigma for point in points] == [0.0, 2.67, 5.0, 10.0, 7.5]
    assert [point.sweep["device.prog_noise.sigma"] for point in points] == ["0 uS", "2.67e-6 S", "5", "10", "7.5"]


def test_blocks_can_be_swept_as_a_whole(load):
    points = load(sweep("device.prog_noise: [{kind: none}, {kind: uniform, half_width: 3 uS}]")).points
    assert [point.hardware.device.prog_noise.kind for point in points] == ["none", "uniform"]
    assert points[1].sweep == {"device.prog_noise": "{kind: uniform, half_width: 3 uS}"}


def test_points_do_not_share_what_they_change(load):
    points = load(sweep("device.prog_noise.sigma: [1, 2], device.read_noise.sigma: [3, 4]")).points
    assert [p.hardware.device.read_noise.sigma for p in points] == [3, 4, 3, 4]
    assert [p.hardware.device.prog_noise.sigma for p in points] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ("chips: [1, 2]", "'chips', which belongs to the whole run"),
        ("seed: [1, 2]", "'seed', which belongs"),
        ("name: [a, b]", "'name', which belongs"),
        ("memramp: [1]", "'memramp', which belongs"),
        ("sweep.over: [1]", "'sweep.over', which belongs"),
        ("device: [{preset: readc_taox}], device.preset: [readc_taox]", "'device' and 'device.preset', which overlap"),
        ("activation.bits: []", "no values for 'activation.bits'"),
        ("", "no key to sweep"),
        ("activation.bits: 4", "'sweep.over.activation.bits'"),
        ("activation.bits: [3, 4, 3]", "'sweep.over.activation.bits' has the value 3 twice"),
        ("a: [0,1,2,3,4,5,6,7,8,9], b: [0,1,2,3,4,5,6,7,8,9], c: [0,1,2,3,4,5,6,7,8,9], d: [0,1,2,3,4,5,6,7,8,9,10]",
         "11000 points"),
        ("activation.bits: [3, 40]", "point 2 (activation.bits=40): 'activation.bits'"),
        ("activation.bit: [3]", "point 1 (activation.bit=3): unknown key 'activation.bit' (did you mean 'bits'?)"),
        ("device.prog_noise.sigma: [0 uS, 1 V]", "point 2 (device.prog_noise.sigma=1 V)"),
        ("device.preset.x: [1]", "'device.preset' is 'yang2025_150us', which has no key 'x'"),
        ("device.stuck_on_rate: [0.5, 0.6], device.stuck_off_rate: [0.5]", "found 0.5 and 0.6"),
        ("device.preset: [readc_taox, nope]", "point 2 (device.preset=nope): unknown device preset 'nope'"),
    ],
)
def test_faulty_sweeps_are_refused(refused, over, expected):
    assert expected in refused(sweep(over))


def test_fault_of_the_file_is_not_blamed_on_a_point(refused):
    message = refused(sweep("activation.bits: [3, 4]") + "chipz: 3\n")
    assert "unknown key 'chipz' (did you mean 'chips'?)" in message
    assert "point" not in message


def test_overrides_apply_in_order_and_name_themselves(load, refused):
    assert load(BASE, "chips=3", "chips=4").config.chips == 4
    assert load(BASE, "device.prog_noise.sigma=5 uS").points[0].hardware.device.prog_noise.sigma == 5.0
    message = refused(BASE, "activation.bit=4")
    assert message.endswith("x.yaml with --set activation.bit=4: unknown key 'activation.bit' (did you mean 'bits'?)")


@pytest.mark.parametrize("text", ["chips", "=3", "a..b=3", ".chips=3", ""])
def test_overrides_that_are_no_assignment_are_refused(refused, text):
    assert "expected KEY=VALUE" in refused(BASE, text)


def test_override_value_that_is_no_yaml_is_refused(refused):
    assert "--set activation.bits=[3" in refused(BASE, "activation.bits=[3")


def test_override_through_a_value_is_refused(refused):
    assert "'device.preset' is 'yang2025_150us', which has no key 'x'" in refused(BASE, "device.preset.x=1")


def test_sweep_can_be_set_changed_and_dropped(load):
    assert len(load(BASE, "sweep.over.activation.bits=[3, 4]").points) == 2
    text = sweep("activation.bits: [3, 4]")
    assert [p.config.activation.bits for p in load(text, "sweep.over.activation.bits=[2]").points] == [2]
    assert len(load(text, "sweep=null").points) == 1


@pytest.mark.parametrize("override", ["activation.bits=4", "activation={bits: 4}"])
def test_setting_what_the_sweep_sets_again_is_refused(refused, override):
    assert "the file's sweep varies 'activation.bits'" in refused(sweep("activation.bits: [3, 4]"), override)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BASE.replace("memramp: 1\n", ""), "the key 'memramp' is missing; an experiment starts with 'memramp: 1'"),
        (BASE.replace("memramp: 1", "memramp: 2"), "'memramp' is 2, this program reads version 1"),
        (BASE.replace("memramp: 1", "memramp: true"), "'memramp' is True"),
        (BASE.replace("memramp: 1", "memramp: 1.0"), "'memramp' is 1.0"),
        (f"{BASE}training: {{epochs: 3}}\n", "use memramp train"),
        (f"{BASE}name: y\n", "line 5: the key 'name' stands twice"),
        (f"{BASE}description: *name\n", "aliases"),
        ("a: &a [x, x]\nb: &b [*a, *a]\n", "aliases"),
        ("[" * 5000, "x.yaml"),
        ("just text\n", "expected 'key: value' lines"),
        (BASE.replace("device: {preset: yang2025_150us}\n", ""), "the key 'device' is missing"),
        (f"{BASE}chips: 0\n", "'chips'"),
        (f"{BASE}chips: true\n", "'chips'"),
        (f"{BASE}chips: 100001\n", "'chips'"),
        (f"{BASE}seed: -1\n", "'seed'"),
        (BASE.replace("name: x", "name: ../x"), "'name'"),
        (f"{BASE}task: {{kind: demo_keywords, split: validation}}\n", "no split 'validation'"),
    ],
)
def test_faulty_files_are_refused(refused, text, expected):
    assert expected in refused(text)


def test_no_stays_a_word(load):
    assert load(f"{BASE}description: no\n").config.description == "no"
    assert load(BASE, "description=on").config.description == "on"


def test_resolved_configuration_makes_the_same_experiment_again(load):
    point = load(BASE, "device.prog_noise={kind: uniform, half_width: 2 uS}", "ramp_device.preset=readc_taox").points[0]
    resolved = point.resolved()
    again = load(yaml.safe_dump(resolved)).points[0]
    assert again.hardware == point.hardware
    assert again.resolved() == resolved


@pytest.mark.parametrize("name", sorted(shipped_experiments()))
def test_shipped_experiments_are_valid(name):
    experiment = load_any(name)
    assert experiment.config.name == name
    assert experiment.config.description
    if isinstance(experiment, Experiment):
        assert all(point.hardware.device.prog_noise.std(1.0) <= 10.0 for point in experiment.points)


def test_shipped_table_names_a_network_for_each_converter():
    names = [point.config.model.checkpoint for point in load_experiment("kws_table").points]
    kinds = ("paper", "midpoint", "lloyd_max", "noise_aware")
    assert list(dict.fromkeys(names)) == [f"speech_commands_{kind}_{bits}bit" for kind in kinds for bits in (3, 4, 5)]


def test_a_file_of_the_current_folder_comes_before_a_shipped_one(tmp_path, monkeypatch):
    (tmp_path / "kws").write_text(BASE)
    monkeypatch.chdir(tmp_path)
    assert load_experiment(Path("kws")).config.name == "x"


@pytest.mark.parametrize(
    ("value", "text"),
    [("2.67 uS", "2.67 uS"), (5, "5"), (0.1, "0.1"), (None, "null"), (True, "true"), ([1, "a"], "[1, a]"), ("", "")],
)
def test_values_are_shown_as_one_would_write_them(value, text):
    assert as_text(value) == text
