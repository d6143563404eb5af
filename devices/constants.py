"""Constants of nature, exact by definition of the SI.

Source: Bureau International des Poids et Mesures, The International System of Units, 9th edition (2019); the same
values in CODATA 2022.
"""

ELEMENTARY_CHARGE = 1.602176634e-19
"""Charge of a proton, q [C], exact."""

BOLTZMANN = 1.380649e-23
"""Boltzmann constant, k [J/K], exact."""

BOLTZMANN_EV = BOLTZMANN / ELEMENTARY_CHARGE
"""Boltzmann constant [eV/K]: 8.617333e-5."""
