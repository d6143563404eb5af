"""What a circuit and its surroundings do to a converter.

The circuit is told in volts, see `memramp.peripherals.circuit`, and turned into pre-activation by the *actual* volts
per unit: at a lower read voltage, the same noise of a comparator weighs more. An ideal comparator says 'not yet' at
clock k where v >= V_k. Effects that are the same in every conversion become *equivalent thresholds*, see `_static`; the
others become noise of the ramp, which is common to all columns of a conversion, or of the columns, which is not.
"""

from dataclasses import replace

import numpy as np

from memramp.errors import InputError
from memramp.peripherals.circuit import CircuitConfig
from memramp.peripherals.converter import Converter, Float32Array
from memramp.peripherals.environment import LINEAR, Curves, EnvironmentConfig
from memramp.peripherals.function import FloatArray


def with_circuit(
    converter: Converter,
    circuit: CircuitConfig,
    scale_us: float,
    *,
    columns: int = 0,
    rng: np.random.Generator | None = None,
    environment: EnvironmentConfig | None = None,
    parts: int = 1,
    curves: Curves = LINEAR,
) -> Converter:
    """Put a converter into its circuit and surroundings.

    Static effects become equivalent thresholds. With u volts per unit at the actual conditions and the ramp's values
    V_k, the noises become, in units of pre-activation:

    - of the ramp, added in variance to the steps that it belongs to: jitter,
      ``(V_k - V_{k-1}) / w_k * jitter / t_ramp`` for a pulse of width w_k, since a device adds charge at a rate that
      the width does not change; the start value has that of the bias devices' common pulse. Reset noise
      ``sqrt(kT/c_ramp) / u`` joins the start value.
    - of a column's sample: ``sqrt(kT/c_fb) / u``, independent between columns and conversions.
    - of each decision: ``comparator.noise / u``.

    The devices' read noise is taken to follow their currents.

    Parameters
    ----------
    converter : Converter
        As it was programmed, in an ideal circuit.
    circuit : CircuitConfig
        The circuit.
    scale_us : float
        Conductance per weight unit of the columns that are converted, > 0 [uS].
    columns : int
        Number of data columns, each with a comparator of its own; needed with offsets only.
    rng : numpy.random.Generator or None
        Source of the offsets, a stream of its own; needed with offsets only. More columns leave the first ones'
        offsets as they are.
    environment : EnvironmentConfig or None
        Conditions at inference; None: those of programming.
    parts : int
        Number of arrays that a column is spread over, >= 1. Where there are several, the outputs of their integrators
        are sampled on capacitors as large as c_fb that then share their charges, so that the node holds the mean of
        the voltages, with the noise of two resets each. The ramp column's capacitor is `parts` times as large, and all
        errors of the comparators weigh `parts` times as much.
    curves : tuple of curves
        Current against voltage of the memristors of weights and ramp.

    Returns
    -------
    Converter
        A new one. Its `base`, noises and outputs are the same bits where nothing departs from the ideal.

    Raises
    ------
    InputError
        The environment leaves no conductance, or leakage leaves no voltage; or parts that saturate apart.
    ValueError
        Offsets without columns or generator.
    """
    if parts > 1 and circuit.integrator.v_sat is not None:
        raise InputError(
            f"circuit: 'integrator.v_sat' cannot be used with columns that are joined in charge from {parts} arrays, "
            "since each part would clip before the sum"
        )
    around = environment or EnvironmentConfig()
    reference, comparator = converter.reference, circuit.comparator
    weights, ramp = around.factors(circuit.v_read, circuit.temperature, tracks=reference.tracks, curves=curves)
    c_ramp = circuit.c_fb if reference.v_per_us is None else circuit.ramp_capacitor(reference.v_per_us, scale_us)
    data_gain, ramp_gain = circuit.gain_factor(circuit.c_fb), circuit.gain_factor(c_ramp * parts)
    volts = circuit.volts_per_unit(scale_us) * weights * data_gain / parts
    ratio = ramp * ramp_gain / (weights * data_gain)
    base, growth = _static(converter, circuit, ratio, volts)
    ramp_noise = _ramp_noise(converter, circuit, ratio, circuit.ktc_std(c_ramp * parts, around.temperature) / volts)
    return replace(
        converter,
        base=base,
        read_std=(ramp_noise * growth).astype(np.float32),
        offset=_offsets(comparator.offset_std / volts, columns, rng),
        sample_std=_sample_noise(circuit, around.temperature, parts) / volts,
        decision_std=comparator.noise / volts,
        hysteresis=comparator.hysteresis / volts,
        counting=circuit.counting,
        early_stop=circuit.early_stop,
    )


def _static(
    converter: Converter, circuit: CircuitConfig, ratio: float, volts: float
) -> tuple[Float32Array, FloatArray]:
    """Return the equivalent thresholds, float32 [K], and by what the noise of each step grows on them, [K].

    In this order, each left out where it is off:

    1. The ramp's values, lead included, times `ratio`, that of the ramp's factors (environment, finite gain) to those
       of the data.
    2. Leakage. From the ramp's start at t = 0 the data fall as exp(-t/tau), the ramp as
       R_k = R_{k-1} exp(-T/tau) + dV_k (tau/T) (1 - exp(-T/tau)) with T = t_ramp. The data meet R_k where they were
       R_k exp(kT/tau) at first, so that each step counts as dV_k (tau/T) (exp(T/tau) - 1) exp((k-1)T/tau).
    3. Delay. The ramp rises linearly during a pulse, w T long, then stands to the end of its clock; the threshold is
       the value that it had `delay` before. Before the start it stands at its start value.
    4. Hysteresis lowers it by h/2: the ramp has to exceed the data by so much.
    5. Saturation. Data within +-v_sat never reach a threshold beyond +v_sat, which becomes inf, nor fall below one
       beyond -v_sat, which becomes -inf. Charge is not lost by clipping.

    Offset, noise, hysteresis and saturation are taken as they are at t = 0, which is right to the first order of a
    leakage that is small during a conversion; and a delay leaves the ramp's noise where it was.
    """
    path = np.concatenate([converter.reference.lead, converter.base.astype(np.float64)]) * ratio
    growth = np.ones(path.size)
    circuit.check_leakage(path.size)
    if circuit.integrator.leak_tau is not None:
        growth = _growth(path.size, circuit.t_ramp / circuit.integrator.leak_tau)
        path = np.cumsum(growth * np.diff(path, prepend=0.0))
    if circuit.comparator.delay > 0.0:
        path = _delayed(path, _widths(converter), circuit.comparator.delay / circuit.t_ramp)
    path = path - circuit.comparator.hysteresis / volts / 2.0
    if circuit.integrator.v_sat is not None:
        path = np.where(np.abs(path) * volts > circuit.integrator.v_sat, np.copysign(np.inf, path), path)
    lead = converter.reference.lead.size
    return path[lead:].astype(np.float32), growth[lead:]


def _growth(size: int, rate: float) -> FloatArray:
    """Return the factors of step 2 of `_static` for the start value and each step, with rate = T/tau."""
    return np.concatenate([[1.0], np.expm1(rate) / rate * np.exp(rate * np.arange(size - 1))])


def _delayed(path: FloatArray, widths: FloatArray, clocks: float) -> FloatArray:
    """Return the values of the ramp a number of clocks before the end of each, see step 3 of `_static`."""
    ends = np.arange(path.size, dtype=np.float64)
    times = np.stack([ends[:-1], ends[:-1] + widths[1:]], axis=1).ravel()
    values = np.stack([path[:-1], path[1:]], axis=1).ravel()
    return np.interp(ends - clocks, times, values) if path.size > 1 else path


def _ramp_noise(converter: Converter, circuit: CircuitConfig, ratio: float, reset: float) -> FloatArray:
    """Return the noise of the first threshold (element 0) and of the step to each further one, [K]."""
    read = np.asarray(converter.read_std * ratio, dtype=np.float64)
    if circuit.jitter == 0.0 and reset == 0.0:
        return read
    lead = converter.reference.lead
    path = np.concatenate([lead, converter.base.astype(np.float64)]) * ratio
    # A reference that is no ramp column starts where it does: no pulse has brought it there.
    start = 0.0 if converter.reference.v_per_us is not None else path[0]
    jitter = np.diff(path, prepend=start) / _widths(converter) * (circuit.jitter / circuit.t_ramp)
    variances = jitter[lead.size :] ** 2
    variances[0] += np.sum(jitter[: lead.size] ** 2) + reset**2
    return np.sqrt(read**2 + variances)


def _sample_noise(circuit: CircuitConfig, temperature: float | None, parts: int) -> float:
    """Return the noise of the voltage that a column holds [V]."""
    resets = 1 if parts == 1 else 2  # of the integrator and of the capacitor that samples it
    return float(np.sqrt(resets / parts)) * circuit.ktc_std(circuit.c_fb, temperature)


def _widths(converter: Converter) -> FloatArray:
    reference = converter.reference
    return reference.widths if reference.widths.size else np.ones(reference.lead.size + converter.base.size)


def _offsets(std: float, columns: int, rng: np.random.Generator | None) -> Float32Array:
    if std == 0.0:
        return np.empty(0, np.float32)
    if columns < 1 or rng is None:
        raise ValueError("offsets of comparators need the number of columns and a generator")
    return (std * rng.standard_normal(columns)).astype(np.float32)
