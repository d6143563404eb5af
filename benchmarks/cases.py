"""The table of cases: it feeds ``python -m benchmarks``, the tests and the page docs/performance.md."""

from benchmarks import checks
from benchmarks.arrays import PART
from benchmarks.table import Bar, Case, Contender

_DIGITAL = "torch, digital, floating point"

_NOISY_PRODUCT = Case(
    name="noisy_product",
    title="512 x 512 pairs, batch 256, 8-bit inputs, 8-bit outputs, fresh noise of every device at every read",
    sizes={"rows": 512, "cols": 512, "batch": 256},
    small={"rows": 48, "cols": 40, "batch": 64},
    contenders=(
        Contender("memramp", "memramp", "noisy_product"),
        Contender("memramp, the noisy product alone", "memramp", "noisy_read", note="without converters"),
        Contender("NumPy sgemm", "memramp", "sgemm", note="the product alone, no noise, no converters"),
        Contender("aihwkit, exact noise", "aihwkit", "noisy_product"),
        Contender("a draw a device, compiled", "memramp", "per_device_compiled", note="memramp's generator"),
        Contender("a draw a device, torch", "torch", "per_device", note="one device a weight"),
        Contender("a draw a device, NumPy", "memramp", "per_device_numpy", share=1.0 / PART),
    ),
    bars=(
        Bar("at most 3 x the time of NumPy's sgemm", "memramp", 3.0, "NumPy sgemm"),
        Bar("at least 3 x faster than aihwkit's exact-noise tile", "memramp", 3.0, "aihwkit, exact noise", True),
        *(
            Bar(f"at least 100 x faster than {way}", "memramp", 100.0, way, True)
            for way in ("a draw a device, NumPy", "a draw a device, torch")
        ),
    ),
    check=checks.noisy_product,
    items=lambda sizes: sizes["batch"],
    unit="samples",
)

_KEYWORD_LSTM = Case(
    name="keyword_lstm",
    title="keyword LSTM 40 -> 32 (73 x 128 pairs), 49 steps, batch 256, 5-bit NL-ADC on four gates, "
    "exact read noise of weights and ramps",
    sizes={"batch": 256, "steps": 49},
    small={"batch": 16, "steps": 5},
    contenders=(
        Contender("memramp", "memramp", "keyword_lstm"),
        Contender(_DIGITAL, "torch", "lstm", {"inputs": 40, "hidden": 32}),
        Contender("aihwkit, exact noise", "aihwkit", "lstm", {"inputs": 40, "hidden": 32}, note="no NL-ADC"),
    ),
    bars=(
        Bar("at most 5 x the time of torch's digital LSTM", "memramp", 5.0, _DIGITAL),
        Bar("at least 10 x faster than aihwkit's exact noise", "memramp", 10.0, "aihwkit, exact noise", True),
    ),
    check=checks.keyword_lstm,
    items=lambda sizes: sizes["batch"],
    unit="sequences",
)

_PROGRAMMING = Case(
    name="programming",
    title="program a pair of 512 x 512 arrays 100 times with write noise (PCM), and tell the error of each",
    sizes={"rows": 512, "cols": 512, "times": 100},
    small={"rows": 24, "cols": 20, "times": 4},
    contenders=(
        Contender("memramp", "memramp", "programming"),
        Contender("aihwkit", "aihwkit", "programming", note="draws drift coefficients, too"),
    ),
    bars=(Bar("at least 5 x faster than aihwkit", "memramp", 5.0, "aihwkit", True),),
    check=checks.programming,
    items=lambda sizes: sizes["times"],
    unit="chips",
    rounds=5,
)

_RAMP_YIELD = Case(
    name="ramp_yield",
    title="program, calibrate and judge (INL, DNL, yield) 10,000 5-bit sigmoid columns",
    sizes={"columns": 10_000, "calibration": "one_point"},
    small={"columns": 200, "calibration": "one_point"},
    contenders=(
        Contender("memramp, one-point calibration", "memramp", "ramp_yield"),
        Contender("memramp, uncalibrated", "memramp", "ramp_yield", {"calibration": "none"}),
        Contender("memramp, two-point calibration", "memramp", "ramp_yield", {"calibration": "two_point"}),
        Contender("memramp, best of 4 copies", "memramp", "ramp_yield", {"calibration": "best of 4"}),
        Contender("NumPy, its normal draws alone", "memramp", "normal_draws"),
    ),
    check=checks.ramp_yield,
    items=lambda sizes: sizes["columns"],
    unit="columns",
    one_thread=True,
)

_KEYWORD_SCORES = Case(
    name="keyword_scores",
    title="keyword spotting from features to scores: normalise, LSTM as above, dense layer; 1,024 clips of 49 steps",
    sizes={"batch": 1024, "steps": 49},
    small={"batch": 16, "steps": 5},
    contenders=(
        Contender("memramp", "memramp", "keyword_scores"),
        Contender(_DIGITAL, "torch", "lstm", {"inputs": 40, "hidden": 32, "classes": 12}),
    ),
    check=checks.keyword_scores,
    items=lambda sizes: sizes["batch"],
    unit="clips",
)

_LARGE_STEP = Case(
    name="large_step",
    title="one step of a large LSTM: 633 x 8,064 pairs, batch 8, 5-bit NL-ADC on four gates, exact read noise",
    sizes={"rows": 633, "cols": 8064, "batch": 8},
    small={"rows": 13, "cols": 24, "batch": 3},
    contenders=(
        Contender("memramp", "memramp", "large_step"),
        Contender(_DIGITAL, "torch", "lstm_step"),
    ),
    check=checks.large_step,
    items=lambda sizes: sizes["batch"],
    unit="characters",
)

_LANGUAGE_MODEL = Case(
    name="language_model",
    title="character language model in the paper's shape (LSTM 128 -> 2016 -> 504, 50 symbols: 6,112,512 weights): one "
    "pass over a text, states carried from symbol to symbol, 5-bit NL-ADC on four gates, exact read noise",
    sizes={"hidden": 2016, "projection": 504, "symbols": 200},
    small={"hidden": 10, "projection": 6, "symbols": 12},
    contenders=(
        Contender("memramp, one chip", "memramp", "language_model"),
        Contender(_DIGITAL, "torch", "language_model", note="torch.nn.LSTM, all symbols in one call"),
        Contender("torch, step by step", "torch", "language_model", {"fused": False}, note="its products alone, fused"),
        Contender("memramp, floating point", "memramp", "language_model_floating"),
        Contender("memramp, 8 stretches of text", "memramp", "language_model", {"streams": 8}),
    ),
    bars=(
        Bar("at most 5 x the time of torch's float LSTM", "memramp, one chip", 5.0, _DIGITAL),
        Bar("at most 5 x the time of torch's products step by step", "memramp, one chip", 5.0, "torch, step by step"),
    ),
    check=checks.language_model,
    items=lambda sizes: sizes["symbols"],
    unit="characters",
    rounds=5,
)


def _cold_start(what: str, title: str) -> Case:
    return Case(
        name=f"cold_start_{what}",
        title=f"a first run waits for compilation, a second does not: {title}",
        sizes={"what": what},
        small={"what": "normals"},
        contenders=(
            Contender("first process, nothing compiled", "memramp", "cold_start", {"filled": False}),
            Contender("second process", "memramp", "cold_start", {"filled": True}),
        ),
        bars=(
            Bar("at most 10 s of compilation", "first process, nothing compiled", 10.0, "second process", excess=True),
        ),
        check=checks.cold_start,
        items=lambda _: 1,
        unit="runs",
        one_thread=True,
        rounds=5,
    )


def _wires(size: int) -> Case:
    rivals, batch = ("badcrossbar, 1 input", "badcrossbar, 16 inputs"), "memramp, 16 inputs"
    return Case(
        name=f"wires_{size}",
        title=f"exact wires: {size} x {size} devices of 2.5 to 250 kohm, 1 ohm a cell, currents of all columns",
        sizes={"size": size, "inputs": 1},
        small={"size": 6, "inputs": 1},
        contenders=(
            Contender("memramp, 1 input", "memramp", "wires"),
            Contender(rivals[0], "badcrossbar", "wires"),
            Contender(batch, "memramp", "wires", {"inputs": 16}, beside=batch),
            Contender(rivals[1], "badcrossbar", "wires", {"inputs": 16}, beside=batch),
        ),
        bars=(
            Bar("1 input: at least 100 x faster than badcrossbar", "memramp, 1 input", 100.0, rivals[0], True),
            Bar("16 inputs: at least 20 x faster than badcrossbar", batch, 20.0, rivals[1], True),
            Bar("outputs within 1e-9 of full scale", "memramp, 1 input", 1e-9, rivals[0], value="outputs"),
        ),
        check=checks.wires,
        items=lambda _: 1,
        unit="solutions",
        one_thread=True,
        rounds=5,
    )


_WIRES_FOLD = Case(
    name="wires_fold",
    title="exact wires: the effective conductance matrix of 256 x 256 devices",
    sizes={"size": 256},
    small={"size": 6},
    contenders=(Contender("memramp", "memramp", "wires_fold"),),
    bars=(Bar("under 2 s", "memramp", 2.0),),
    check=checks.wires_fold,
    items=lambda _: 1,
    unit="matrices",
    rounds=5,
)

_WIRES_LARGE = Case(
    name="wires_1024",
    title="exact wires: 1,024 x 1,024 devices, currents of all columns",
    sizes={"size": 1024, "inputs": 1},
    small={"size": 6, "inputs": 1},
    contenders=(Contender("memramp, 1 input", "memramp", "wires"),),
    check=checks.wires,
    items=lambda _: 1,
    unit="solutions",
    one_thread=True,
    rounds=5,
)

CASES = (
    _NOISY_PRODUCT,
    _KEYWORD_LSTM,
    _KEYWORD_SCORES,
    _LARGE_STEP,
    _LANGUAGE_MODEL,
    _PROGRAMMING,
    _RAMP_YIELD,
    *(_wires(size) for size in (64, 128, 256, 512)),
    _WIRES_FOLD,
    _WIRES_LARGE,
    _cold_start("keywords", "memramp run kws.yaml, one chip"),
    _cold_start("circuit", "the same, in a circuit, analog read-out, varied read noise: all that can be compiled"),
    _cold_start("ramps", "memramp run ramp_calibration.yaml"),
)
