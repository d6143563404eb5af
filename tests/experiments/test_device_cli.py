"""The command 'memramp device': what it prints, writes and refuses."""

import numpy as np
import pytest

from memramp.config import read_yaml
from memramp.devices import ConstantNoise, Device, load_preset, preset_names, program_keyed
from memramp.devices.presets import resolve_device
from memramp.experiments.cli import main
from memramp.experiments.loading import load_experiment

STATES = "states,mean,std\n0,1.10E-05,1.10E-07\n1,2.30E-05,7.30E-08\n2,1.20E-04,6.20E-07\n"


@pytest.fixture
def command(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "\x1b" not in captured.out
        return code, captured.out, captured.err

    return run


@pytest.fixture
def measured(tmp_path):
    device = Device(g_min=0.0, g_max=150.0, prog_noise=ConstantNoise(sigma=3.0))
    target = np.repeat(np.linspace(0.0, 140.0, 8)[1:], 40)
    g = program_keyed(device, target, np.uint64(4)).g
    rng = np.random.default_rng(1)
    path = tmp_path / "measured.csv"
    with path.open("w") as file:
        file.write("target_uS,measured_uS,device,read\n")
        for i, (wanted, held) in enumerate(zip(target, g, strict=True)):
            for read in range(5):
                file.write(f"{wanted:g},{held + 0.5 * rng.standard_normal():.5f},{i},{read}\n")
    return path


def test_list_names_all_presets(command):
    code, out, _ = command("device", "list")
    assert code == 0
    for name in preset_names():
        assert name in out


@pytest.mark.parametrize("name", preset_names())
def test_show_prints_every_number_with_its_source_at_80_columns(command, name):
    code, out, _ = command("device", "show", name)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "g_max = " in out
    assert "Source: " in out


def test_fit_writes_a_device_that_all_commands_take(command, measured, tmp_path, settings, write):
    out, plot = tmp_path / "my.yaml", tmp_path / "fig.png"
    window = ("--g-min", "0 uS", "--g-max", "150")
    code, text, _ = command("device", "fit", measured, "--out", out, "--plot", plot, *window)
    assert code == 0
    assert max(len(line) for line in text.splitlines() if not line.startswith("written to")) <= 80
    assert "*  constant" in text
    assert plot.read_bytes().startswith(b"\x89PNG")
    device = resolve_device(read_yaml(out))
    assert (device.g_min, device.g_max, device.prog_noise.kind) == (0.0, 150.0, "constant")
    assert device.prog_noise.sigma == pytest.approx(3.0, rel=4.5 / np.sqrt(2 * 280))
    assert device.read_noise.sigma == pytest.approx(0.5, rel=4.5 / np.sqrt(2 * 280 * 4))
    assert command("ramp", "design", "sigmoid", "--bits", 4, "--device", out)[0] == 0
    assert command("device", "show", out)[0] == 0
    assert command("device", "plot", out, "--out", tmp_path / "device.png")[0] == 0
    block = load_experiment(write(settings | {"device": read_yaml(out)}, "a.yaml"))
    named = load_experiment(write(settings | {"device": {"preset": str(out)}}, "b.yaml"))
    assert block.points[0].hardware.device == named.points[0].hardware.device == device


@pytest.mark.parametrize("name", ["readc_taox_write_verify", "readc_taox_table", "pcm_joshi2020"])
def test_plot_draws_a_device(command, tmp_path, name):
    code, out, _ = command("device", "plot", name, "--out", tmp_path / "fig.png")
    assert (code, (tmp_path / "fig.png").read_bytes()[:4]) == (0, b"\x89PNG")
    assert "written to" in out


def test_states_of_neurosim_are_imported(command, tmp_path):
    path, out = tmp_path / "mem_states.csv", tmp_path / "my.yaml"
    path.write_text(STATES)
    code, text, _ = command("device", "import", path, "--format", "neurosim", "--out", out)
    assert code == 0
    assert "3 states, 11 to 120 uS" in text
    device = resolve_device(read_yaml(out))
    assert device.levels == (11.0, 23.0, 120.0)
    assert device.prog_noise.sigmas == (0.11, 0.073, 0.62)
    assert command("device", "show", out)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["device", "show", "nope"], "unknown device preset 'nope'"),
        (["device", "show", "nope.yaml"], "nope.yaml: no such file"),
        (["device", "fit", "nope.csv", "--out", "my.yaml"], "nope.csv: no such file"),
        (["device", "fit", "measured.csv", "--out", "measured.csv"], "is read by this command"),
        (["device", "fit", "measured.csv", "--out", "my.txt"], "must end in .yaml"),
        (["device", "fit", "measured.csv", "--out", "my.yaml", "--g-max", "1 V"], "--g-max: expected the unit uS"),
        (["device", "fit", "measured.csv", "--out", "my.yaml", "--g-max", "50 uS"], "do not lie in the window"),
        (["device", "fit", "measured.csv", "--out", "my.yaml", "--plot", "fig.pdf"], "must end in .png"),
        (["device", "import", "measured.csv", "--out", "my.yaml"], "header lacks mean, std"),
        (["device", "import", "measured.csv", "--format", "spice", "--out", "my.yaml"], "expected neurosim, found"),
        (["device", "import", "measured.csv", "--unit", "F", "--out", "my.yaml"], "expected S, mS, uS or nS"),
        (["device", "plot", "nope", "--out", "fig.png"], "error: unknown device preset 'nope'"),
        (["device", "plot", "nope.yaml", "--out", "fig.png"], "error: nope.yaml: no such file"),
        (["ramp", "design", "relu", "--bits", "4", "--device", "no.yaml"], "error: --device: no.yaml: no such file"),
        (["device", "plot", "readc_taox", "--out", "fig.svg"], "must end in .png"),
        (["device"], ""),
    ],
)
def test_mistakes_are_told_in_one_line(command, measured, monkeypatch, arguments, message):
    monkeypatch.chdir(measured.parent)
    code, _, err = command(*arguments)
    assert code == 2
    assert message in err
    assert err.count("\n") <= 1
    assert not (measured.parent / "my.yaml").exists()


def test_a_file_is_not_replaced_without_force(command, measured, tmp_path):
    out = tmp_path / "my.yaml"
    out.write_text("mine")
    code, _, err = command("device", "fit", measured, "--out", out)
    assert (code, out.read_text()) == (2, "mine")
    assert "--force" in err
    assert command("device", "fit", measured, "--out", out, "--force")[0] == 0
    assert load_preset(str(out)).prog_noise.kind == "constant"


def test_a_fit_that_nothing_supports_says_so(command, tmp_path):
    path, out = tmp_path / "measured.csv", tmp_path / "my.yaml"
    rows = [f"{target:g},{target + (8.0 if i % 2 else 2.0):g}\n" for i, target in enumerate(np.linspace(10, 140, 100))]
    path.write_text("target_uS,measured_uS\n" + "".join(rows))
    code, text, _ = command("device", "fit", path, "--out", out)
    said = " ".join(text.split())
    assert code == 0
    assert max(len(line) for line in text.splitlines() if not line.startswith("written to")) <= 80
    assert "not tried: table needs 20 devices at each target, found 1" in said
    assert "* chosen: the smallest AIC, although rejected (p below 0.01); see the warning" in said
    assert "warning: the best formula, uniform, is rejected (p = " in said
    assert "warning: the mean error of 5 uS lies more than 3 standard errors" in said
    condition = read_yaml(out)["prog_noise"]["half_width"]["condition"]
    assert "as are all others; a table of the measured errors needs 20 devices at each target, found 1" in condition
    assert "the mean error of 5 uS" in condition
