"""Figures of devices: what writes and reads leave, simulated, beside what was measured."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from memramp.devices import Device, WriteVerify, program
from memramp.devices.fit import DeviceFit, read_groups
from memramp.devices.noise import FloatArray

_BLUE, _ORANGE, _GREY, _GRID = "#0072B2", "#D55E00", "#999999", "#EEEEEE"
_BAND: dict[str, Any] = {"color": _BLUE, "alpha": 0.2, "lw": 0}
_TARGETS = 41
_DEVICES = 2000  # simulated at each target
_SEED = 1
_MOST_POINTS = 20_000
_MOST_LINES = 60
_LEAST_DEVICES = 5  # at each target; the standard deviation of fewer says little


def plot_device(device: Device, name: str) -> Figure:
    """Draw the programming error of simulated devices against the target, and tries or read noise beside it."""
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    target = np.repeat(np.linspace(device.g_min, device.g_max, _TARGETS), _DEVICES)
    cells = program(device, target, np.random.default_rng(_SEED))
    healthy = ~cells.stuck
    _band(left, target[healthy], (cells.g - target)[healthy], "simulated")
    _label_errors(left, f"{name}: {device.prog_noise.kind.replace('_', '-')}")
    if isinstance(device.prog_noise, WriteVerify) and cells.tries is not None and cells.failed is not None:
        _tries(right, cells.tries[healthy], float(cells.failed[healthy].mean()))
    elif device.read_noise.kind == "none":
        _at_targets(right, target[healthy], (cells.g - target)[healthy])
    else:
        g = np.linspace(device.g_min, device.g_max, 201)
        right.plot(g, device.read_noise.std(g), color=_BLUE)
        right.set(xlabel="conductance (uS)", ylabel="standard deviation (uS)", ylim=(0, None))
        right.set_title(f"read noise: {device.read_noise.kind.replace('_', '-')}", fontsize="medium")
        right.grid(color=_GRID)
    return figure


def plot_fit(fit: DeviceFit) -> Figure:
    """Draw measured errors beside those of the fitted device, and, where measured, read noise and drift."""
    panels = 2 + bool(fit.reading) + (fit.drift is not None)
    rows = 1 if panels == 2 else 2
    figure = Figure(figsize=(9.0, 3.8 * rows), layout="constrained")
    axes = [figure.add_subplot(rows, 2, number + 1) for number in range(panels)]
    device = fit.device()
    _errors(axes[0], fit, device)
    _distribution(axes[1], fit, device)
    if fit.reading:
        _reading(axes[2], fit, device)
    if fit.drift is not None:
        _drift(axes[-1], fit)
    return figure


def _errors(axes: Axes, fit: DeviceFit, device: Device) -> None:
    over_window = np.repeat(np.linspace(*fit.window, _TARGETS), _DEVICES)
    _band(axes, over_window, _errors_of(device, over_window), "fitted")
    shown = slice(None, None, max(1, fit.target.size // _MOST_POINTS))
    targets, counts = np.unique(fit.target, return_counts=True)
    often = counts.min() >= _LEAST_DEVICES
    colour, size = (_GREY, 2.5) if often else (_ORANGE, 5.0)
    axes.plot(fit.target[shown], fit.error[shown], ".", color=colour, ms=size, alpha=0.7, zorder=2, label="measured")
    if often:
        std = np.array([fit.error[fit.target == value].std() for value in targets])
        axes.plot(targets, std, "o", color=_ORANGE, ms=4, zorder=3, label="measured, ± std")
        axes.plot(targets, -std, "o", color=_ORANGE, ms=4, zorder=3)
    _label_errors(axes, f"{fit.programming[0].kind.replace('_', '-')}, {fit.target.size} devices")


def _errors_of(device: Device, target: FloatArray) -> FloatArray:
    return np.asarray(program(device, target, np.random.default_rng(_SEED)).g - target)


def _distribution(axes: Axes, fit: DeviceFit, device: Device) -> None:
    again = np.tile(fit.target, max(1, -(-_MOST_POINTS // fit.target.size)))
    axes.ecdf(fit.error, color=_ORANGE, lw=2.5, label="measured")
    axes.ecdf(_errors_of(device, again), color=_BLUE, lw=1.0, label="fitted")
    axes.set(xlabel="programming error (uS)", ylabel="part of the devices below")
    axes.set_title("all targets", fontsize="medium")
    axes.grid(color=_GRID)
    axes.legend(fontsize=8)


def _reading(axes: Axes, fit: DeviceFit, device: Device) -> None:
    mean, variance, freedom = read_groups(fit.measurements)
    g = np.linspace(max(mean.min(), 0.0), mean.max(), 201)
    axes.plot(mean, np.sqrt(variance), ".", color=_GREY, ms=3, label=f"{int(np.median(freedom)) + 1} reads a device")
    axes.plot(g, device.read_noise.std(g), color=_BLUE, label=f"fitted, {fit.reading[0].kind}")
    axes.set(xlabel="conductance (uS)", ylabel="standard deviation of reads (uS)", ylim=(0, None))
    axes.set_title("read noise", fontsize="medium")
    axes.grid(color=_GRID)
    axes.legend(fontsize=8)


def _drift(axes: Axes, fit: DeviceFit) -> None:
    data, drift = fit.measurements, fit.drift
    assert data.time is not None
    assert drift is not None
    usable = (data.time > 0.0) & (data.measured > 0.0)
    for number in np.unique(data.device[usable])[:_MOST_LINES]:
        own = usable & (data.device == number)
        times = np.unique(data.time[own])
        g = np.array([data.measured[own & (data.time == time)].mean() for time in times])
        axes.plot(times, g / g[0], color=_GREY, lw=0.6, alpha=0.6)
    times = np.geomspace(drift.t_0, drift.last, 50)
    axes.plot(times, (times / drift.t_0) ** -drift.nu, color=_BLUE, label=f"nu = {drift.nu:.3g}")
    for sign in (-1.0, 1.0):
        axes.plot(times, (times / drift.t_0) ** -(drift.nu + sign * drift.nu_std), color=_BLUE, lw=0.8, ls="--")
    axes.set(xscale="log", xlabel="time since programming (s)", ylabel="conductance over that at first")
    axes.set_title(f"drift, {drift.devices} devices", fontsize="medium")
    axes.grid(color=_GRID)
    axes.legend(fontsize=8)


def _at_targets(axes: Axes, target: FloatArray, error: FloatArray) -> None:
    targets = np.unique(target)
    for value, colour in zip(targets[[0, targets.size // 2, -1]], (_GREY, _BLUE, _ORANGE), strict=True):
        axes.ecdf(error[target == value], color=colour, label=f"target {value:g} uS")
    axes.set(xlabel="programming error (uS)", ylabel="part of the devices below")
    axes.set_title("distribution; no read noise", fontsize="medium")
    axes.grid(color=_GRID)
    axes.legend(fontsize=8)


def _band(axes: Axes, target: FloatArray, error: FloatArray, label: str) -> None:
    """Draw the middle 95 % of errors and their standard deviation against the target."""
    targets = np.unique(target)
    parts = [error[target == value] for value in targets]
    low, high = (np.array([np.quantile(part, q) for part in parts]) for q in (0.025, 0.975))
    axes.fill_between(targets, low, high, label=f"{label}, 95 %", **_BAND)
    std = np.array([part.std() for part in parts])
    axes.plot(targets, std, color=_BLUE, lw=1.0, label=f"{label}, ± std")
    axes.plot(targets, -std, color=_BLUE, lw=1.0)


def _label_errors(axes: Axes, title: str) -> None:
    axes.set(xlabel="target (uS)", ylabel="programming error (uS)")
    axes.set_title(title, fontsize="medium")
    axes.grid(color=_GRID)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.35 * (high - low))  # room for the legend
    axes.legend(fontsize=7, loc="upper center", ncols=2, columnspacing=0.8, handlelength=1.2)


def _tries(axes: Axes, tries: FloatArray | Any, failed: float) -> None:
    # The last few long searches would stretch the axis; the last bar holds them.
    most = int(np.quantile(tries, 0.995)) + 1
    axes.hist(np.minimum(tries, most), bins=[k - 0.5 for k in range(most + 2)], color=_BLUE, density=True)
    axes.axvline(float(np.mean(tries)), color=_ORANGE, label=f"mean {np.mean(tries):.2f}; failed {100 * failed:.2g} %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="pulses of a device (last bar: and more)", ylabel="part of the devices")
    axes.set_title("tries of the write-verify loop", fontsize="medium")
    axes.set_axisbelow(True)
    axes.grid(color=_GRID)
    axes.legend(fontsize=8)
