import numpy as np
import pytest
from safetensors.numpy import save_file

from memramp.crossbar import (
    CrossbarConfig,
    SliceConfig,
    TileConfig,
    WeightReadback,
    array_from_readback,
    load_weight_table,
    measured_array,
    program_array,
    read_back_weights,
    save_weight_table,
    to_conductances,
    weight_table,
    weight_table_bytes,
    write_weight_readback,
)
from memramp.devices import ConstantNoise, Device, ProportionalNoise
from memramp.errors import InputError

DEVICE = Device(g_min=1.0, g_max=151.0, prog_noise=ConstantNoise(sigma=2.0), read_noise=ConstantNoise(sigma=1.0))
CONFIG = CrossbarConfig()
WEIGHTS = {
    "lstm": np.random.default_rng(0).normal(0.0, 1.0, (4, 6)),
    "dense": np.random.default_rng(1).normal(0.0, 1.0, (3, 2)),
}
TABLE = weight_table(WEIGHTS, CONFIG, DEVICE)
SUFFIX = pytest.mark.parametrize("suffix", [".csv", ".safetensors"])


def exact(table=TABLE):
    return {name: dict(part.target) for name, part in table.arrays.items()}


def test_targets_are_those_of_the_mapping():
    for name, weights in WEIGHTS.items():
        pos, neg = to_conductances(weights, CONFIG, DEVICE)
        assert (TABLE.arrays[name].target["pos"] == pos).all()
        assert (TABLE.arrays[name].target["neg"] == neg).all()
        assert (TABLE.arrays[name].tolerance["pos"] == 6.0).all()
    assert TABLE.devices == 2 * (24 + 6)


@SUFFIX
def test_a_table_comes_back_and_is_written_again_byte_for_byte(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    proportional = DEVICE.model_copy(update={"prog_noise": ProportionalNoise(fraction=0.02)})
    table = weight_table(WEIGHTS, CONFIG, proportional)
    save_weight_table(path, table)
    found = load_weight_table(path)
    assert found.settings == table.settings
    assert list(found.arrays) == list(table.arrays)
    for name, part in found.arrays.items():
        for kind in ("target", "tolerance"):
            for side in ("pos", "neg"):
                ours, theirs = (getattr(each.arrays[name], kind)[side] for each in (found, table))
                assert ours.tobytes() == theirs.tobytes()
        assert part.shape == WEIGHTS[name].shape
    assert weight_table_bytes(found, suffix) == path.read_bytes()
    with pytest.raises(InputError, match="the file exists"):
        save_weight_table(path, table)


@SUFFIX
def test_every_changed_byte_is_found(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    save_weight_table(path, TABLE)
    content = path.read_bytes()
    for place in range(0, len(content), 11):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(InputError, match=r"was changed|is no memramp|has the schema|has no schema|damaged"):
            load_weight_table(path)


@SUFFIX
def test_measured_conductances_make_the_array_that_was_programmed(tmp_path, suffix):
    programmed = {
        name: program_array(weights, CONFIG, DEVICE, np.random.default_rng(3)) for name, weights in WEIGHTS.items()
    }
    path = tmp_path / f"m{suffix}"
    write_weight_readback(path, {name: {"pos": part.g_pos, "neg": part.g_neg} for name, part in programmed.items()})
    readback = read_back_weights(path, TABLE)
    for name, part in programmed.items():
        twin = array_from_readback(TABLE, name, readback, WEIGHTS[name], CONFIG, DEVICE)
        for field in ("g_pos", "g_neg", "w_eff", "held_variance"):
            assert (getattr(twin, field) == getattr(part, field)).all()


def test_other_numbers_make_another_array():
    array = measured_array({"pos": np.array([[10.0]]), "neg": np.array([[2.5]])}, [[0.1]], CONFIG, DEVICE)
    assert array.w_eff[0, 0] == pytest.approx(7.5 / 75.0)


def lines_of(tmp_path):
    write_weight_readback(tmp_path / "m.csv", exact())
    return (tmp_path / "m.csv").read_text()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda t: t.replace("lstm,0,1,pos", "lstm,0,1,neg"), r"line 4: device 0 1 pos of lstm is missing, found"),
        (lambda t: t.replace("lstm,0,1,neg", "lstm,0,0,neg"), r"device 0 0 neg of lstm stands twice, first in line 3"),
        (lambda t: t.replace("lstm,0,1,pos", "lstm,9,1,pos"), r"line 4: the table has no device 9 1 pos of lstm"),
        (lambda t: t.replace("lstm,0,1,pos", "lstm,0,1,both"), r"the table has no device 0 1 both of lstm"),
        (lambda t: t.replace("lstm,0,1,pos", "lstm,0,1.5,pos"), r"column must be a whole number .*, found '1.5'"),
        (lambda t: t[: t.index("dense,1")], r"ends before device 1 0 pos of dense; 60 rows are expected"),
        (lambda t: t.replace("measured_uS", "measured_S"), "found the column measured_S; multiply by 1e6"),
        (lambda t: t.replace(",1.0\n", ",-1.0\n", 1), r"measured_uS must lie between 0 and"),
        (lambda t: t.replace(",", ";"), "found ';' between the columns"),
    ],
)
def test_what_is_no_read_back_is_refused(tmp_path, damage, said):
    path = tmp_path / "m.csv"
    path.write_text(damage(lines_of(tmp_path)))
    with pytest.raises(InputError, match=said):
        read_back_weights(path, TABLE)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lstm.pos": None}, "the tensor lstm.pos is missing"),
        ({"lstm.pos": np.ones((6, 4))}, r"must have the shape \(4, 6\), found \(6, 4\)"),
        ({"lstm.pos": np.full((4, 6), np.nan)}, "must hold numbers of 0 to 1e"),
        ({"lstm.pos": np.ones((4, 6), np.int32)}, "must hold float32 or float64, found int32"),
        ({"spare.pos": np.ones((4, 6))}, "unknown tensor 'spare.pos'"),
        ({name: np.full(shape, 1e-5) for name, shape in {"lstm.pos": (4, 6), "lstm.neg": (4, 6)}.items()}, "siemens"),
    ],
)
def test_tensors_that_are_no_read_back_are_refused(tmp_path, change, said):
    tensors = {f"{name}.{plane}": numbers for name, planes in exact().items() for plane, numbers in planes.items()}
    tensors = {name: part for name, part in (tensors | change).items() if part is not None}
    save_file(tensors, tmp_path / "m.safetensors")
    with pytest.raises(InputError, match=said):
        read_back_weights(tmp_path / "m.safetensors", TABLE)


def test_files_that_are_none_are_refused(tmp_path):
    for name, content, said in (
        ("w.csv", b"array,row,column,device,measured_uS\n", "is no memramp-weight-table"),
        ("w.safetensors", b"\x00" * 20, "damaged or no safetensors file"),
        ("w.npz", b"", r"must end in .csv or .safetensors"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=said):
            load_weight_table(tmp_path / name)
    save_file({"a.pos": np.ones((1, 1))}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="has no schema, this program reads 'memramp-weight-table 1'"):
        load_weight_table(tmp_path / "other.safetensors")


def test_another_mapping_or_window_is_refused():
    readback = WeightReadback(exact())
    for name, config, device, said in (
        ("lstm", CrossbarConfig(scale=70.0), DEVICE, "scale is 70, the table of the weights was made for 75"),
        ("lstm", CrossbarConfig(mapping="offset", scale=35.0), DEVICE, "mapping is offset, .* made for differential"),
        ("lstm", CONFIG, Device(g_min=0.0, g_max=151.0), r"made for devices of 1..151 uS, found devices of 0..151"),
        ("gru", CONFIG, DEVICE, "the table has no array 'gru', it has: lstm, dense"),
    ):
        with pytest.raises(InputError, match=said):
            array_from_readback(TABLE, name, readback, WEIGHTS["lstm"], config, device)


def test_large_arrays_do_not_go_into_csv(tmp_path, monkeypatch):
    monkeypatch.setattr("memramp.crossbar.weight_files.MAX_CSV_DEVICES", 10)
    with pytest.raises(InputError, match=r"60 devices are too many for CSV \(at most 10\); use .safetensors"):
        save_weight_table(tmp_path / "w.csv", TABLE)
    save_weight_table(tmp_path / "w.safetensors", TABLE)


def test_names_of_arrays_are_checked():
    with pytest.raises(InputError, match="the name of an array is a letter"):
        weight_table({"a/b": WEIGHTS["lstm"]}, CONFIG, DEVICE)


OTHERS = {
    "offset": CrossbarConfig(mapping="offset", scale=35.0, tile=TileConfig(cols=4)),
    "bit_sliced": CrossbarConfig(mapping="bit_sliced", slices=SliceConfig(bits=4, bits_per_device=2)),
}


@SUFFIX
@pytest.mark.parametrize("mapping", OTHERS)
def test_tables_of_other_mappings_hold_every_device_and_come_back(tmp_path, suffix, mapping):
    config, path, measured = OTHERS[mapping], tmp_path / f"w{suffix}", tmp_path / f"m{suffix}"
    table = weight_table(WEIGHTS, config, DEVICE)
    names = {"offset": ["cell", "ref"], "bit_sliced": ["pos0", "neg0", "pos1", "neg1"]}[mapping]
    assert list(table.arrays["lstm"].target) == names
    assert table.devices == {"offset": 30 + 4 * 2 + 3, "bit_sliced": 4 * 30}[mapping]
    save_weight_table(path, table)
    found = load_weight_table(path)
    assert weight_table_bytes(found, suffix) == path.read_bytes()
    write_weight_readback(measured, exact(table))
    readback = read_back_weights(measured, found)
    twin = array_from_readback(found, "lstm", readback, WEIGHTS["lstm"], config, DEVICE)
    ideal = program_array(WEIGHTS["lstm"], config, DEVICE.ideal(), np.random.default_rng(1))
    np.testing.assert_array_equal(twin.w_eff, ideal.w_eff)
